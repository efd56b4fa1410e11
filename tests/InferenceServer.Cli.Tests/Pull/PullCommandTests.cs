using InferenceServer.Runtime.Storage;
using InferenceServer.Tests;

namespace InferenceServer.Cli.Tests.Pull;

public sealed class PullCommandTests(S3Server server) : IClassFixture<S3Server>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pull-").FullName;
    private readonly string _place = $"s3://{S3Server.Bucket}/{Guid.NewGuid():N}";

    [S3Fact]
    public async Task Pull_ToAFolder_WritesModelsAndSaysWhatWasThere()
    {
        await PutAsync();

        (int exitCode, string output, string error) = await RunAsync("--to", _folder);

        Assert.Equal((0, "Downloaded 2 files with 0.0 MB; 0 files were there."), (exitCode, error.Trim()));
        Assert.Equal($"tiny: 2 files, 0.0 MB, in {Path.Combine(_folder, "tiny")}", output.Trim());
        foreach (string file in (string[])["model.json", "1/model.onnx"])
        {
            Assert.Equal(await File.ReadAllBytesAsync(Fixture(file)), await File.ReadAllBytesAsync(Pulled("tiny", file)));
        }

        (exitCode, _, error) = await RunAsync("--to", _folder);
        Assert.Equal((0, "Downloaded 0 files with 0.0 MB; 2 files were there."), (exitCode, error.Trim()));

        // The folder is one that a server or a command can use.
        (exitCode, _, error) = await Cli.RunAsync(
            "segment", Path.Combine(Cli.Images, "grey.jpg"), "--models", _folder, "--model", "tiny", "--out", Pulled("out"));
        Assert.True(exitCode == 0, error);
    }

    [S3Fact]
    public async Task Pull_ToACache_FillsTheServersCache()
    {
        await PutAsync();

        (int exitCode, string output, _) = await RunAsync("--cache", _folder);

        Assert.Equal(0, exitCode);
        Assert.True(File.Exists(Path.Combine(output.Trim().Split(" in ")[1], "1", "model.onnx")));
        Assert.Single(Directory.GetFiles(Pulled("places")));
    }

    [S3Fact]
    public async Task Pull_NothingThere_Fails()
    {
        (int exitCode, _, string error) = await RunAsync("--to", _folder);

        Assert.Equal(1, exitCode);
        Assert.Contains("has no model: expected name/model.json", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("models")]
    [InlineData("oci://registry/model")]
    [InlineData("s3://B")]
    public async Task Pull_NoPlace_IsBadUsage(string source)
    {
        (int exitCode, _, string error) = await Cli.RunAsync("pull", source);

        Assert.Equal(2, exitCode);
        Assert.Contains("SOURCE: Expected ", error, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Fixture(string file) => Path.Combine(Cli.Models, "tiny", file);

    private string Pulled(params string[] path) => Path.Combine([_folder, .. path]);

    private async Task PutAsync()
    {
        foreach (string file in (string[])["model.json", "1/model.onnx"])
        {
            using FileStream content = File.OpenRead(Fixture(file));
            await server.Open(_place).WriteAsync("tiny/" + file, content, "application/octet-stream", WriteMode.Replace, default);
        }
    }

    // The command finds the store's address where Amazon's own tools find it.
    private async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] options)
    {
        Environment.SetEnvironmentVariable("AWS_ENDPOINT_URL", server.Url);
        try
        {
            return await Cli.RunAsync(["pull", _place, .. options]);
        }
        finally
        {
            Environment.SetEnvironmentVariable("AWS_ENDPOINT_URL", null);
        }
    }
}

using System.Diagnostics;
using System.Net;
using InferenceServer.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace InferenceServer.Tests.Hosting;

/// <summary>The folder of temporary files: missing, read-only or full.</summary>
public sealed class TemporaryFolderTests
{
    [Theory]
    [InlineData("missing", true)]
    [InlineData("file", true)]
    [InlineData("writable", false)]
    public void Look_FolderOfEachKind_SaysWhatIsWrong(string kind, bool isProblem)
    {
        string root = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(Path.Combine(root, "file"), "");
        Directory.CreateDirectory(Path.Combine(root, "writable"));
        using TemporaryFolder folder = Of(Path.Combine(root, kind));

        folder.Look();

        Assert.Equal(isProblem, folder.Problem is not null);
        Assert.Equal(isProblem, folder.Problem?.Contains("TMPDIR: expected a folder", StringComparison.Ordinal) ?? false);
        Directory.Delete(root, recursive: true);
    }

    [MountTheory]
    [InlineData("ro", true)]
    [InlineData("size=64k", false)] // uploads are refused, but images are served
    public async Task Look_VolumeOfEachKind_OnlyAFullOneIsNoProblem(string options, bool isProblem)
    {
        await using Volume volume = await Volume.MountAsync(options);
        if (!isProblem)
        {
            await Assert.ThrowsAsync<IOException>(() => File.WriteAllBytesAsync(Path.Combine(volume.Path, "all"), new byte[1 << 20]));
        }

        using TemporaryFolder folder = Of(volume.Path);

        folder.Look();

        Assert.Equal(isProblem, folder.Problem is not null);
    }

    [Theory]
    [InlineData("/health/ready")]
    [InlineData("/v2/health/ready")]
    public async Task Ready_FolderMissing_Answers507WithTheReason(string path)
    {
        using TemporaryFolder folder = Of("/no/such/folder");
        await using SegmentationServer server = new([], services => services.AddSingleton(folder));
        await server.InitializeAsync();
        folder.Look();

        using HttpResponseMessage response = await server.Client.GetAsync(path);

        string detail = await ProblemAssert.IsAsync(HttpStatusCode.InsufficientStorage, response);
        Assert.Contains("TMPDIR", detail, StringComparison.Ordinal);
        using HttpResponseMessage live = await server.Client.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
    }

    [Fact]
    public async Task Start_FolderMissing_EndsWithTheReason()
    {
        ProcessStartInfo start = new("env") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in (string[])["TMPDIR=/no/such/folder", .. ServerProcess.Command, "--urls=http://127.0.0.1:0"])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(1, process.ExitCode);
        Assert.Contains("The server cannot start: TMPDIR: expected", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Now listening", await output, StringComparison.Ordinal);
    }

    [MountTheory]
    [InlineData("/v1/segment:batch")]
    [InlineData("/v1/jobs")]
    public async Task Upload_FolderFull_Answers507AndImagesAreServed(string path)
    {
        await using Volume volume = await Volume.MountAsync("size=256k");
        string jobs = Directory.CreateTempSubdirectory().FullName;
        await using (ServerProcess server = await ServerProcess.StartCommandAsync(
            ["TMPDIR=" + volume.Path, .. ServerProcess.Command, "--Jobs:Path=" + jobs]))
        {
            using HttpClient client = new() { BaseAddress = server.Address };
            byte[] large = new byte[1 << 20];
            Random.Shared.NextBytes(large);

            using HttpResponseMessage response = await client.PostAsync(path, ZipFile.Of(("a.png", large)));

            string detail = await ProblemAssert.IsAsync(HttpStatusCode.InsufficientStorage, response);
            Assert.Contains("TMPDIR) is full", detail, StringComparison.Ordinal);
            using HttpResponseMessage ready = await client.GetAsync("/health/ready");
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
            using HttpResponseMessage small = await client.PostAsync(path, ZipFile.Of(("a.png", Photo.Png)));
            Assert.True(small.IsSuccessStatusCode, "The upload's room was not given back.");
        }

        Directory.Delete(jobs, recursive: true);
    }

    private static TemporaryFolder Of(string path) =>
        new(TimeProvider.System, NullLogger<TemporaryFolder>.Instance) { Folder = path };
}

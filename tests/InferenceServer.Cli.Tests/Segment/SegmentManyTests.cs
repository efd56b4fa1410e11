using System.Diagnostics;
using System.Net;
using InferenceServer.Tests;

namespace InferenceServer.Cli.Tests.Segment;

/// <summary>Many images, several at a time, from folders in folders, in several sittings, and by the standard streams.</summary>
public sealed class SegmentManyTests : IDisposable
{
    private static readonly byte[] Mask = [1, 2, 3];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Segment_Recursive_KeepsFoldersAndLeavesOutMasksAndLinks()
    {
        WritePhotos("photos/a.png", "photos/one/a.png", "photos/one/two/b.png", "photos/masks/old.png");
        Directory.CreateSymbolicLink(_folder["photos", "one", "back"], _folder["photos"]);
        string masks = _folder["photos", "masks"];

        (int exitCode, string output, string error) = await LocallyAsync(_folder["photos"], "--recursive", "--out", masks);

        Assert.Equal((0, ""), (exitCode, error));
        string[] expected = [Path.Combine(masks, "a.raw"), Path.Combine(masks, "one", "a.raw"), Path.Combine(masks, "one", "two", "b.raw")];
        Assert.Equal(expected, Lines(output));
        Assert.All(expected, mask => Assert.Equal(64, new FileInfo(mask).Length));
    }

    [Fact]
    public async Task Segment_WithoutRecursive_LeavesOutFolders()
    {
        WritePhotos("photos/a.png", "photos/one/a.png");

        (int exitCode, string output, _) = await LocallyAsync(_folder["photos"], "--out", _folder["out"]);

        Assert.Equal(0, exitCode);
        Assert.Equal([_folder["out", "a.raw"]], Lines(output));
    }

    [Fact]
    public async Task Segment_Resume_MakesWhatIsMissing()
    {
        WritePhotos("photos/a.png", "photos/b.png");
        Directory.CreateDirectory(_folder["out"]);
        await File.WriteAllBytesAsync(_folder["out", "a.raw"], Mask);

        (int exitCode, string output, string error) = await LocallyAsync(_folder["photos"], "--resume", "--out", _folder["out"]);

        Assert.Equal((0, "1 of 2 images have a mask already.\n"), (exitCode, error));
        Assert.Equal([_folder["out", "b.raw"]], Lines(output));
        Assert.Equal(Mask, await File.ReadAllBytesAsync(_folder["out", "a.raw"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Segment_Concurrency_IsThatManyRequestsAtATime(bool isFixed)
    {
        WritePhotos("photos/a.png", "photos/b.png", "photos/c.png", "photos/d.png");
        using HttpListener server = Loopback.Listen(out Uri address);
        string[] option = isFixed ? ["--concurrency", "4"] : [];
        Task<(int ExitCode, string Output, string Error)> run = OnServerAsync(address, [_folder["photos"], .. option]);

        // None is answered before all of these have come.
        foreach (int together in isFixed ? (int[])[4] : [1, 2, 1])
        {
            List<HttpListenerContext> asked = [];
            while (asked.Count < together)
            {
                asked.Add(await server.GetContextAsync());
            }

            asked.ForEach(http => Answer(http, 200));
        }

        (int exitCode, string output, string error) = await run;
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(4, Lines(output).Length);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(502)]
    [InlineData(503)]
    public async Task Segment_RefusedForNow_IsSentAgain(int status)
    {
        WritePhotos("photos/a.png");
        using HttpListener server = Loopback.Listen(out Uri address);
        Task<(int ExitCode, string Output, string Error)> run = OnServerAsync(address, _folder["photos"]);

        Answer(await server.GetContextAsync(), status);
        Answer(await server.GetContextAsync(), 200);

        Assert.Equal((0, _folder["out", "a.png"] + "\n", ""), await run);
    }

    [Fact]
    public async Task Segment_MaskIsWritten_IsSaidBeforeTheNextIs()
    {
        WritePhotos("photos/a.png", "photos/b.png");
        using HttpListener server = Loopback.Listen(out Uri address);
        using Process program = Start(
            _folder["photos"], "--server", $"{address}", "--model", "m", "--out", _folder["out"], "--concurrency", "1");

        Answer(await server.GetContextAsync(), 200);
        HttpListenerContext second = await server.GetContextAsync();
        Assert.Equal(_folder["out", "a.png"], await program.StandardOutput.ReadLineAsync());
        Answer(second, 200);

        Assert.Equal(_folder["out", "b.png"], await program.StandardOutput.ReadLineAsync());
        await program.WaitForExitAsync();
        Assert.Equal(0, program.ExitCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("--out -")]
    public async Task Segment_StandardStreams_HaveTheImageAndTheMaskAlone(string more)
    {
        string photo = _folder.WritePhoto("a.png", 20, 12, 10, 200, 30);
        using Process program = Start(
            ["-", "--models", Cli.Models, "--model", "tiny", "--format", "raw", .. more.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        await program.StandardInput.BaseStream.WriteAsync(await File.ReadAllBytesAsync(photo));
        program.StandardInput.Close();

        using MemoryStream mask = new();
        await program.StandardOutput.BaseStream.CopyToAsync(mask);

        Assert.Equal("", await program.StandardError.ReadToEndAsync());
        Assert.Equal(Enumerable.Repeat((byte)1, 20 * 12), mask.ToArray());
    }

    [Fact]
    public async Task Segment_StandardInputToAFolderByAServer_IsAFile()
    {
        byte[] sent = [.. Enumerable.Range(0, 100_000).Select(i => (byte)i)];
        using HttpListener server = Loopback.Listen(out Uri address);
        using Process program = Start("-", "--server", $"{address}", "--model", "m", "--out", _folder["out"]);
        await program.StandardInput.BaseStream.WriteAsync(sent);
        program.StandardInput.Close();

        Assert.Equal(sent, Answer(await server.GetContextAsync(), 200));

        Assert.Equal(_folder["out", "stdin.png"] + "\n", await program.StandardOutput.ReadToEndAsync());
        Assert.Equal(Mask, await File.ReadAllBytesAsync(_folder["out", "stdin.png"]));
    }

    [Theory]
    [InlineData("a.png", "--out: expected a folder for the masks, got none.")]
    [InlineData("a.png b.png --out -", "--out -: expected one image, got 2.")]
    [InlineData("a.png --out x --concurrency -1", "--concurrency: expected a number from 0 to 1024, got '-1'.")]
    public async Task Segment_Arguments_AreExplained(string arguments, string message)
    {
        WritePhotos("a.png", "b.png");
        string[] all = [.. arguments.Split(' ').Select(a => a.EndsWith(".png", StringComparison.Ordinal) ? _folder[a] : a)];

        (int exitCode, _, string error) = await Cli.RunAsync(["segment", "--model", "tiny", "--models", Cli.Models, .. all]);

        Assert.Equal(2, exitCode);
        Assert.StartsWith(message, error, StringComparison.Ordinal);
    }

    private static string[] Lines(string output) =>
        [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];

    private static byte[] Answer(HttpListenerContext http, int status)
    {
        using MemoryStream received = new();
        http.Request.InputStream.CopyTo(received);
        http.Response.StatusCode = status;
        foreach (string header in (string[])["X-Model-Version", "X-Image-Width", "X-Image-Height", "X-Model"])
        {
            http.Response.Headers[header] = "1";
        }

        http.Response.Headers["Retry-After"] = "0";
        http.Response.Close(Mask, willBlock: false);
        return received.ToArray();
    }

    private static Process Start(params string[] arguments)
    {
        string[] all = [Path.Combine(AppContext.BaseDirectory, "inference-server.dll"), "segment", .. arguments];
        return Process.Start(
            new ProcessStartInfo("dotnet", all)
            {
                RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
    }

    private void WritePhotos(params string[] names)
    {
        foreach (string name in names)
        {
            _folder.WritePhoto(name, 8, 8, 200, 20, 30);
        }
    }

    private static Task<(int ExitCode, string Output, string Error)> LocallyAsync(params string[] arguments) =>
        Cli.RunAsync(["segment", .. arguments, "--models", Cli.Models, "--model", "tiny", "--format", "raw"]);

    private Task<(int ExitCode, string Output, string Error)> OnServerAsync(Uri address, params string[] arguments) =>
        Cli.RunAsync(["segment", .. arguments, "--server", address.ToString(), "--model", "m", "--out", _folder["out"]]);
}

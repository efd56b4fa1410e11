using System.Diagnostics;
using System.Net;

namespace InferenceServer.Tests.Clients;

/// <summary>The examples of the documentation, run as they stand.</summary>
[Collection(SharedServer.Name)]
public sealed class ExamplesTests(SegmentationServer server) : IDisposable
{
    private const string Python = "segment.py";
    private const string JavaScript = "segment.mjs";
    private readonly string _photo = Path.GetTempFileName();

    private string Mask => _photo + ".mask.png";

    public void Dispose()
    {
        File.Delete(_photo);
        File.Delete(Mask);
    }

    [ProgramFact("python3")]
    public Task Segment_Python_IsTheMask() => IsTheMaskAsync("python3", Python);

    [ProgramFact("node")]
    public Task Segment_JavaScript_IsTheMask() => IsTheMaskAsync("node", JavaScript);

    [ProgramFact("python3")]
    public Task Segment_PythonRefused_SaysWhyAndWritesNothing() => SaysWhyAsync("python3", Python);

    [ProgramFact("node")]
    public Task Segment_JavaScriptRefused_SaysWhyAndWritesNothing() => SaysWhyAsync("node", JavaScript);

    [ProgramFact("python3")]
    public Task Segment_PythonBehindAFullProxy_ComesAgain() => ComesAgainAsync("python3", Python);

    [ProgramFact("node")]
    public Task Segment_JavaScriptBehindAFullProxy_ComesAgain() => ComesAgainAsync("node", JavaScript);

    private async Task IsTheMaskAsync(string program, string example)
    {
        (int exitCode, string error) = await RunAsync(program, example, server.Client.BaseAddress!, Photo.Png);

        Assert.True(exitCode == 0, error);
        Assert.Equal(Photo.Labels, PngImage.Read(await File.ReadAllBytesAsync(Mask)).Samples);
    }

    private async Task SaysWhyAsync(string program, string example)
    {
        (int exitCode, string error) = await RunAsync(program, example, server.Client.BaseAddress!, "no image"u8.ToArray());

        Assert.NotEqual(0, exitCode);
        Assert.Contains("image", error, StringComparison.Ordinal);
        Assert.False(File.Exists(Mask));
    }

    // A proxy's own refusals may say nothing of when to come again.
    private async Task ComesAgainAsync(string program, string example)
    {
        using HttpListener proxy = Loopback.Listen(out Uri address);
        Task<(int ExitCode, string Error)> run = RunAsync(program, example, address, Photo.Png);
        foreach (int status in (int[])[429, 502, 200])
        {
            HttpListenerContext http = await proxy.GetContextAsync();
            await http.Request.InputStream.CopyToAsync(Stream.Null);
            http.Response.StatusCode = status;
            http.Response.Close([1, 2, 3], willBlock: false);
        }

        (int exitCode, string error) = await run;
        Assert.True(exitCode == 0, error);
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(Mask));
    }

    private async Task<(int ExitCode, string Error)> RunAsync(string program, string example, Uri address, byte[] photo)
    {
        await File.WriteAllBytesAsync(_photo, photo);
        ProcessStartInfo start = new(program) { RedirectStandardError = true };
        foreach (string argument in (string[])[
            Path.Combine(Repository.Root, "docs", "examples", example), address.ToString().TrimEnd('/'), _photo
        ])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }
}

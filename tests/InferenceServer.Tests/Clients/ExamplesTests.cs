using System.Diagnostics;

namespace InferenceServer.Tests.Clients;

/// <summary>The examples of the documentation, run as they stand.</summary>
[Collection(SharedServer.Name)]
public sealed class ExamplesTests(SegmentationServer server)
{
    [ProgramFact("python3")]
    public Task Segment_Python_IsTheMask() => RunAsync("python3", "segment.py");

    [ProgramFact("node")]
    public Task Segment_JavaScript_IsTheMask() => RunAsync("node", "segment.mjs");

    private async Task RunAsync(string program, string example)
    {
        string photo = Path.GetTempFileName();
        await File.WriteAllBytesAsync(photo, Photo.Png);
        ProcessStartInfo start = new(program) { RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(Repository.Root, "docs", "examples", example), server.Client.BaseAddress!.ToString().TrimEnd('/'), photo])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.True(process.ExitCode == 0, error);
        Assert.Equal(Photo.Labels, PngImage.Read(await File.ReadAllBytesAsync(photo + ".mask.png")).Samples);
        File.Delete(photo);
        File.Delete(photo + ".mask.png");
    }
}

using System.Diagnostics;
using InferenceServer.Runtime.Formats;
using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>What the page hands out is what the API answers.</summary>
[Collection(SharedBrowser.Name)]
public sealed class ExportTests(Browser browser)
{
    [ChromiumFact]
    public async Task Download_EveryFormat_IsTheApisAnswer()
    {
        string[] formats = await FormatsAsync();
        Assert.Contains("png", formats);

        foreach (string format in formats)
        {
            // A window of its own: Chromium asks before a page's second download if the answer took longer than a click is remembered.
            await using PlaygroundWindow window = await browser.OpenAsync();
            await window.UploadAsync(Photo.Png);
            await window.Page.CheckAsync($"[name=format][value='{format}']", new() { Force = true });
            IDownload download = await window.Page.RunAndWaitForDownloadAsync(() => window.Page.ClickAsync("#download"));

            string extension = MaskFormat.Find(format)!.Extension;
            Assert.Equal((format == "png" ? "photo-mask" : "photo-" + format) + extension, download.SuggestedFilename);
            Assert.EndsWith("-o " + download.SuggestedFilename, await window.Page.InnerTextAsync("#curl"), StringComparison.Ordinal);
            string query = $"/v1/segment/tiny?format={format}" + (format.StartsWith("overlay", StringComparison.Ordinal) ? "&alpha=0.6" : "");
            Assert.Equal(await window.AnswerAsync(query, Photo.Png), await File.ReadAllBytesAsync(await download.PathAsync()));
        }
    }

    [ChromiumFact]
    public async Task Command_Run_FetchesTheSame()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png, "a photo's.png");
        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-a select", "tiny-stride8"));
        await window.SegmentsAsync(() => window.Page.CheckAsync("#flip"));
        string folder = Directory.CreateTempSubdirectory().FullName;
        await File.WriteAllBytesAsync(Path.Combine(folder, "a photo's.png"), Photo.Png);

        using Process shell = Process.Start(new ProcessStartInfo("bash", ["-c", await window.Page.InnerTextAsync("#curl")]) { WorkingDirectory = folder })!;
        await shell.WaitForExitAsync();

        Assert.Equal(0, shell.ExitCode);
        Assert.Equal(
            await window.AnswerAsync("/v1/segment/tiny-stride8?format=png&flip=true", Photo.Png),
            await File.ReadAllBytesAsync(Path.Combine(folder, "a photo's-mask.png")));
        Directory.Delete(folder, recursive: true);
    }

    [ChromiumFact]
    public async Task Download_Refused_IsWhatTryAgainDoes()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        await window.Page.RouteAsync("**/v1/segment/**", route => route.AbortAsync());
        await window.Page.ClickAsync("#download");
        Assert.Contains("cannot be reached", await window.ProblemAsync(), StringComparison.Ordinal);

        await window.Page.UnrouteAllAsync();
        IDownload download = await window.Page.RunAndWaitForDownloadAsync(() => window.Page.ClickAsync("text=Try again"));

        Assert.Equal("photo-mask.png", download.SuggestedFilename);
        await window.Page.WaitForSelectorAsync("#problem", new() { State = WaitForSelectorState.Hidden });
    }

    // As over plain HTTP, where browsers hide the clipboard.
    [ChromiumFact]
    public async Task Copy_NoClipboard_SelectsTheCommand()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();
        await window.Page.EvaluateAsync("() => { Object.defineProperty(navigator, 'clipboard', { value: undefined }); }");

        await window.Page.ClickAsync("#copy");
        await window.Page.WaitForFunctionAsync("() => document.querySelector('#copy').textContent === 'Selected'");

        Assert.Equal(await window.Page.InnerTextAsync("#curl"), await window.Page.EvaluateAsync<string>("() => getSelection().toString()"));
    }

    private async Task<string[]> FormatsAsync()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        return await window.Page.EvaluateAsync<string[]>("() => [...document.querySelectorAll('[name=format]')].map(f => f.value)");
    }
}

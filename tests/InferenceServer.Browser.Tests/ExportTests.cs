using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
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

        foreach (string format in formats.Except(["alpha", "cutout"])) // for two classes, and this model has three
        {
            // A window of its own: Chromium asks before a page's second download if the answer took longer than a click is remembered.
            await using PlaygroundWindow window = await browser.OpenAsync();
            await window.UploadAsync(Photo.Png);
            await window.Page.CheckAsync($"[name=format][value='{format}']", new() { Force = true });
            IDownload download = await window.Page.RunAndWaitForDownloadAsync(() => window.Page.ClickAsync("#download"));

            string extension = MaskFormat.Find(format)!.Extension;
            Assert.Equal((format == "png" ? "photo-mask" : "photo-" + format) + extension, download.SuggestedFilename);
            Assert.EndsWith("-o " + download.SuggestedFilename, await window.Page.InnerTextAsync("#snippet"), StringComparison.Ordinal);
            string more = format switch { "overlay" or "overlay-jpeg" => "&alpha=0.6", "probability" => "&class=0", _ => "" };
            string query = $"/v1/segment/tiny?format={format}{more}";
            Assert.Equal(await window.AnswerAsync(query, Photo.Png), await File.ReadAllBytesAsync(await download.PathAsync()));
        }
    }

    [ChromiumFact]
    public Task Snippet_Curl_FetchesTheSame() => SnippetFetchesTheSame("curl", "command.sh", "bash command.sh");

    [ChromiumFact("python3")]
    public Task Snippet_Python_FetchesTheSame() => SnippetFetchesTheSame("Python", "mask.py", "python3 mask.py");

    [ChromiumFact("node")]
    public Task Snippet_JavaScript_FetchesTheSame() => SnippetFetchesTheSame("JavaScript", "mask.mjs", "node mask.mjs");

    [ChromiumFact]
    public Task Snippet_CSharp_FetchesTheSame() => SnippetFetchesTheSame("C#", "Program.cs", "dotnet run");

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

        Assert.Equal(
            await window.Page.InnerTextAsync("#snippet"),
            await window.Page.EvaluateAsync<string>("() => getSelection().toString()"));
    }

    // On a server that asks for a key, of an image whose name needs care in every language.
    private async Task SnippetFetchesTheSame(string language, string file, string command)
    {
        const string Key = "s3cret", Image = "a \"photo\"'s.png", Mask = "a \"photo\"'s-mask.png";
        await using ServerProcess server = await ServerProcess.StartAsync(
            (
                "Security:Keys:lab:Hash",
                "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)))));
        await using PlaygroundWindow window = await browser.OpenAsync(server: server.Address);
        await window.Page.WaitForSelectorAsync("#key[open]");
        await window.Page.FillAsync("#key input", Key);
        await window.Page.Keyboard.PressAsync("Enter");
        window.Api.DefaultRequestHeaders.Add("X-API-Key", Key);
        await window.UploadAsync(Photo.Png, Image);
        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-a select", "tiny-stride8"));
        await window.SegmentsAsync(() => window.Page.CheckAsync("#flip"));
        await window.Page.CheckAsync($"[name=language][value='{language}']", new() { Force = true });
        string folder = Directory.CreateTempSubdirectory().FullName;
        await File.WriteAllBytesAsync(Path.Combine(folder, Image), Photo.Png);
        await File.WriteAllTextAsync(Path.Combine(folder, file), await window.Page.InnerTextAsync("#snippet"));
        await File.WriteAllTextAsync(
            Path.Combine(folder, "mask.csproj"),
            """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
              </PropertyGroup>
            </Project>
            """);

        ProcessStartInfo start = new("bash", ["-c", command])
        {
            WorkingDirectory = folder,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["KEY"] = Key;
        using Process program = Process.Start(start)!;
        Task<string> errors = program.StandardError.ReadToEndAsync(), output = program.StandardOutput.ReadToEndAsync();
        await program.WaitForExitAsync();

        Assert.True(program.ExitCode == 0, await errors + await output);
        Assert.Equal(
            await window.AnswerAsync("/v1/segment/tiny-stride8?format=png&flip=true", Photo.Png),
            await File.ReadAllBytesAsync(Path.Combine(folder, Mask)));
        Directory.Delete(folder, recursive: true);
    }

    private async Task<string[]> FormatsAsync()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        return await window.Page.EvaluateAsync<string[]>("() => [...document.querySelectorAll('[name=format]')].map(f => f.value)");
    }
}

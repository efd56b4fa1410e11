using System.Security.Cryptography;
using System.Text;
using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>What goes wrong is said in the API's own sentences, and can be mended on the page.</summary>
[Collection(SharedBrowser.Name)]
public sealed class ProblemTests(Browser browser)
{
    [ChromiumFact]
    public async Task Open_NoImage_ShowsTheApisSentenceUntilOneComes()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        await window.Page.SetInputFilesAsync("#file", new FilePayload { Name = "notes.txt", MimeType = "text/plain", Buffer = "no image"u8.ToArray() });
        await window.Page.WaitForSelectorAsync("#problem");

        Assert.StartsWith("Content-Type 'text/plain' holds no image; send image/jpeg", await window.Page.InnerTextAsync("#problem p"), StringComparison.Ordinal);
        await window.UploadAsync(Photo.Png);
        Assert.False(await window.Page.IsVisibleAsync("#problem"));
    }

    [ChromiumFact]
    public async Task Again_AfterTheServerWasAway_ShowsTheMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();
        await window.Page.RouteAsync("**/v1/segment/**", route => route.AbortAsync());
        await window.Page.SetInputFilesAsync("#file", new FilePayload { Name = "photo.png", MimeType = "image/png", Buffer = Photo.Png });
        await window.Page.WaitForSelectorAsync("#problem");
        Assert.Contains("cannot be reached", await window.Page.InnerTextAsync("#problem p"), StringComparison.Ordinal);

        await window.Page.UnrouteAllAsync();
        await window.Page.ClickAsync("text=Try again");

        await window.ShownAsync("photo.png");
    }

    [ChromiumFact]
    public async Task Key_ServerThatAsksForOne_GetsIt()
    {
        const string Key = "a key for this test";
        await using ServerProcess server = await ServerProcess.StartAsync(
            ("Security:Keys:test:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)))));
        await using PlaygroundWindow window = await browser.OpenAsync(server: server.Address);

        await window.Page.WaitForSelectorAsync("#key[open]");
        await window.Page.FillAsync("#key input", "another");
        await window.Page.Keyboard.PressAsync("Enter");
        await window.Page.WaitForFunctionAsync("() => document.querySelector('#key').open && document.querySelector('#key-reason').textContent === 'The key is not known.'");
        await window.Page.FillAsync("#key input", Key);
        await window.Page.Keyboard.PressAsync("Enter");
        await window.UploadAsync(Photo.Png);

        Assert.Contains("-H \"Authorization: Bearer $KEY\"", await window.Page.InnerTextAsync("#curl"), StringComparison.Ordinal);
    }
}

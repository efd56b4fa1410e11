using System.Security.Cryptography;
using System.Text;

namespace InferenceServer.Tests;

/// <summary>What goes wrong is said in the API's own sentences, and can be mended on the page.</summary>
[Collection(SharedBrowser.Name)]
public sealed class ProblemTests(Browser browser)
{
    [ChromiumFact]
    public async Task Open_NoImage_ShowsTheApisSentenceUntilOneComes()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();

        await window.OpenAsync("no image"u8.ToArray(), "notes.txt", "text/plain");

        string problem = await window.ProblemAsync();
        Assert.StartsWith("Content-Type: expected image/jpeg", problem, StringComparison.Ordinal);
        Assert.Contains("got 'text/plain'", problem, StringComparison.Ordinal);
        await window.UploadAsync(Photo.Png);
        Assert.False(await window.Page.IsVisibleAsync("#problem"));
    }

    [ChromiumFact]
    public async Task Again_AfterTheServerWasAway_ShowsTheMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.Page.RouteAsync("**/v1/segment/**", route => route.AbortAsync());
        await window.OpenAsync(Photo.Png);
        Assert.Contains("cannot be reached", await window.ProblemAsync(), StringComparison.Ordinal);

        await window.Page.UnrouteAllAsync();
        await window.Page.ClickAsync("text=Try again");

        await window.ShownAsync("photo.png");
    }

    [ChromiumFact]
    public async Task Model_NotDescribed_ShowsNoneUntilItIs()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        await window.Page.RouteAsync("**/v1/models/tiny-stride8", route => route.AbortAsync());

        await window.Page.SelectOptionAsync("#side-a select", "tiny-stride8");
        Assert.Equal("The server cannot be reached.", await window.ProblemAsync());
        Assert.Equal("", await window.Page.InnerTextAsync("#side-a .facts"));
        Assert.False(await window.Page.IsVisibleAsync("#mask-a"));
        Assert.True(await window.Page.IsDisabledAsync("#download"));

        await window.Page.UnrouteAllAsync();
        string asked = await window.SegmentsAsync(() => window.Page.ClickAsync("text=Try again"));

        Assert.Equal("/v1/segment/tiny-stride8", asked);
        await window.Page.WaitForSelectorAsync("#mask-a");
    }

    [ChromiumFact]
    public async Task Model_NotReadyAnyMore_SaysWhy()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();
        await window.DescribeAsync("tiny-stride8", description =>
        {
            description.Remove("manifest");
            description.Remove("classes");
            description["model"]!["state"] = "UNAVAILABLE";
            description["model"]!["reason"] = "It was unloaded.";
        });

        await window.Page.SelectOptionAsync("#side-a select", "tiny-stride8");

        Assert.Equal("The model 'tiny-stride8' is unavailable: It was unloaded.", await window.ProblemAsync());
    }

    [ChromiumFact]
    public async Task Model_NotDescribedForWantOfAKey_IsShownOnceThereIsOne()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        await window.Page.RouteAsync(
            "**/v1/models/tiny-stride8",
            route =>
                route.FulfillAsync(
                    new()
                    {
                        Status = 401,
                        ContentType = "application/problem+json",
                        Body = """{"detail":"The key is not known."}""",
                    }));
        await window.Page.SelectOptionAsync("#side-b select", "tiny-stride8");
        await window.Page.WaitForSelectorAsync("#key[open]");

        await window.Page.UnrouteAllAsync();
        await window.Page.FillAsync("#key input", "a key");
        await window.Page.Keyboard.PressAsync("Enter");

        await window.Page.WaitForSelectorAsync("#mask-b");
        Assert.False(await window.Page.IsVisibleAsync("#problem"));
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
        await window.Page.WaitForFunctionAsync(
            "() => document.querySelector('#key').open && document.querySelector('#key-reason').textContent === " +
            "'The key is not known.'");
        await window.Page.FillAsync("#key input", Key);
        await window.Page.Keyboard.PressAsync("Enter");
        await window.UploadAsync(Photo.Png);

        Assert.Contains("-H \"Authorization: Bearer $KEY\"", await window.Page.InnerTextAsync("#snippet"), StringComparison.Ordinal);
    }
}

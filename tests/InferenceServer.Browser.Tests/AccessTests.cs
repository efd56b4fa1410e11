using System.Text.Json;
using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>The page works by keyboard, on a phone and in the dark scheme, and connects to this server only.</summary>
[Collection(SharedBrowser.Name)]
public sealed class AccessTests(Browser browser)
{
    // Every text against what lies behind it, by the formula of WCAG 2.2, §1.4.3. Over the image the captions bring a ground of their own.
    private const string Contrasts =
        """
        () => {
          const parse = color => color.startsWith("color(srgb")
            ? color.match(/[\d.]+(?:e-?\d+)?/g).slice(0, 4).map((v, i) => i < 3 ? 255 * v : Number(v))
            : color.match(/[\d.]+/g).map(Number);
          const over = ([r, g, b, a = 1], ground) => [r, g, b].map((v, i) => v * a + ground[i] * (1 - a));
          const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
          const luminance = rgb => rgb.reduce((sum, v, i) => sum + linear(v / 255) * [0.2126, 0.7152, 0.0722][i], 0);
          const ground = node => node === null
            ? [255, 255, 255]
            : over(parse(getComputedStyle(node).backgroundColor), ground(node.parentElement));
          const ratio = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const found = [];
          while (walker.nextNode()) {
            const node = walker.currentNode.parentElement;
            if (walker.currentNode.textContent.trim() && node.checkVisibility() && !node.matches(":disabled, option")) {
              const behind = ground(node);
              const ink = over(parse(getComputedStyle(node).color), behind);
              found.push([node.outerHTML.slice(0, 90), ratio(luminance(ink), luminance(behind))]);
            }
          }
          return JSON.stringify(found);
        }
        """;

    [ChromiumFact]
    public Task Contrast_Light_IsAA() => ContrastIsAA(ColorScheme.Light);

    [ChromiumFact]
    public Task Contrast_Dark_IsAA() => ContrastIsAA(ColorScheme.Dark);

    [ChromiumFact]
    public async Task Keyboard_Alone_ReachesEveryControlAndSegmentsASample()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        await TabToAsync(window, "#samples button");
        await window.Page.Keyboard.PressAsync("Enter");
        await window.ShownAsync("street.jpg");
        await window.Page.SelectOptionAsync("#side-b select", "tiny-stride8");
        await window.Page.WaitForSelectorAsync("#divider");
        await window.SegmentsAsync(() => window.Page.CheckAsync("#side-b input"));

        foreach (string control in (string[])[
            "#file", "#camera-open", "[name=style]", "#zoom-in", "#opacity", "#picture", "#divider", "[name=format]",
            "#download", "[name=language]", "#copy",
            "#side-a select", "#side-b input", "#legend button", "[name=scale]", "#flip", "[name=mode]", "#crf input", "[name=quality]"])
        {
            await TabToAsync(window, control);
        }
    }

    [ChromiumFact]
    public async Task Telephone_Page_FitsItsWidth()
    {
        await using PlaygroundWindow window = await browser.OpenAsync(
            new BrowserNewContextOptions
            {
                ViewportSize = new() { Width = 360, Height = 740 },
                HasTouch = true,
                IsMobile = true,
            });
        await window.UploadAsync(Photo.Png);

        Assert.Equal(360, await window.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        await window.Page.TapAsync("#picture", new() { Position = new() { X = 30, Y = 30 } });
        await window.Page.WaitForSelectorAsync("#readout");
    }

    // With the policy of the page, of which a violation would be a complaint, too.
    [ChromiumFact]
    public async Task Requests_All_GoToThisServer()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        Assert.All(window.Requests, uri => Assert.True(uri.Scheme == "blob" || uri.Authority == browser.Server.Authority, uri.ToString()));
        Assert.DoesNotContain("unsafe", await PolicyAsync(window), StringComparison.Ordinal);
    }

    private static async Task<string> PolicyAsync(PlaygroundWindow window)
    {
        using HttpResponseMessage response = await window.Api.GetAsync("/");
        return Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
    }

    private static async Task TabToAsync(PlaygroundWindow window, string control)
    {
        for (int i = 0; i < 150; i++)
        {
            await window.Page.Keyboard.PressAsync("Tab");
            if (await window.Page.EvaluateAsync<bool>("control => document.activeElement.matches(control)", control))
            {
                return;
            }
        }

        Assert.Fail($"Tab does not reach {control}.");
    }

    private async Task ContrastIsAA(ColorScheme scheme)
    {
        await using PlaygroundWindow window = await browser.OpenAsync(new BrowserNewContextOptions { ColorScheme = scheme });
        await window.UploadAsync(Photo.Png);
        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-b select", "tiny-stride8"));
        await window.Page.EvaluateAsync(
            "() => { document.querySelector('#problem').hidden = false; document.querySelector('#problem " +
            "p').textContent = 'A sentence.'; }");

        using JsonDocument found = JsonDocument.Parse(await window.Page.EvaluateAsync<string>(Contrasts));

        Assert.NotEmpty(found.RootElement.EnumerateArray());
        Assert.All(found.RootElement.EnumerateArray(), text => Assert.True(text[1].GetDouble() >= 4.5, text.ToString()));
    }
}

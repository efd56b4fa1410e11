using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>What the page shows of a mask, and how it follows the settings.</summary>
[Collection(SharedBrowser.Name)]
public sealed class MaskTests(Browser browser)
{
    private const string Coarse = "tiny-stride8";

    [ChromiumFact]
    public async Task Model_Another_ChangesTheMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        string[] before = await window.PixelsAsync("#mask-a");

        string asked = await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-a select", Coarse));

        Assert.Equal($"/v1/segment/{Coarse}", asked);
        Assert.NotEqual(before, await window.PixelsAsync("#mask-a"));
    }

    // The first is described late: by then it is not wanted any more.
    [ChromiumFact]
    public async Task Model_TwoOneAfterTheOther_ShowsTheSecond()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        TaskCompletionSource chosen = await ChooseSlowlyAsync(window, "#side-a select");

        string asked = await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-a select", "tiny"));
        chosen.SetResult();
        string mirrored = await window.SegmentsAsync(() => window.Page.CheckAsync("#flip"));

        Assert.Equal("/v1/segment/tiny", asked);
        Assert.Equal("/v1/segment/tiny?flip=true", mirrored);
    }

    [ChromiumFact]
    public async Task Model_AnotherWhileAMaskIsUnpacked_IsNoProblem()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();
        await window.Page.EvaluateAsync(
            "() => { const unpacked = new Promise(resolve => window.unpack = resolve); const read = " +
            "Response.prototype.arrayBuffer; Response.prototype.arrayBuffer = async function () { await unpacked; " +
            "return read.call(this); }; }");
        await window.Page.RunAndWaitForResponseAsync(
            () => window.OpenAsync(Photo.Png), r => r.Url.EndsWith("/v1/segment/tiny", StringComparison.Ordinal));

        TaskCompletionSource chosen = await ChooseSlowlyAsync(window, "#side-a select");
        await window.Page.EvaluateAsync("() => window.unpack()");
        await window.Page.WaitForFunctionAsync("() => document.querySelector('#progress').hidden");
        Assert.False(await window.Page.IsVisibleAsync("#problem"));
        chosen.SetResult();

        await window.ShownAsync("photo.png");
        Assert.Equal(Coarse, await window.Page.InputValueAsync("#side-a select"));
    }

    [ChromiumFact]
    public async Task Model_NoneWhileOneIsAskedAbout_ShowsNone()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        TaskCompletionSource chosen = await ChooseSlowlyAsync(window, "#side-b select");

        await window.Page.SelectOptionAsync("#side-b select", "");
        chosen.SetResult();
        await window.SegmentsAsync(() => window.Page.CheckAsync("#flip"));

        Assert.DoesNotContain(window.Requests, uri => uri.AbsolutePath == $"/v1/segment/{Coarse}");
        Assert.Equal("", await window.Page.InnerTextAsync("#side-b .facts"));
    }

    [ChromiumFact]
    public async Task Model_WithoutAFigureOfItsQuality_IsShownWithoutOne()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        await window.DescribeAsync(Coarse, description => description["manifest"]!["quality"] = new JsonObject { ["metric"] = "mIoU" });

        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-a select", Coarse));

        Assert.DoesNotContain("mIoU", await window.Page.InnerTextAsync("#side-a .facts"), StringComparison.Ordinal);
        Assert.Contains("version 1", await window.Page.InnerTextAsync("#side-a .facts"), StringComparison.Ordinal);
    }

    // As when a new version took over since the page asked.
    [ChromiumFact]
    public async Task Model_AnotherVersionByNow_IsShownWithItsClasses()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        int asked = 0;
        await window.DescribeAsync(Coarse, description =>
        {
            if (asked++ == 0)
            {
                description["model"]!["version"] = 7;
                description["classes"]![0]!["name"] = "crimson";
            }
        });

        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-a select", Coarse));

        Assert.DoesNotContain("crimson", await window.Page.InnerTextAsync("#legend"), StringComparison.Ordinal);
        Assert.Contains("version 1", await window.Page.InnerTextAsync("#side-a .facts"), StringComparison.Ordinal);
    }

    [ChromiumFact]
    public async Task Crf_SwitchedOn_ChangesTheMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-a select", Coarse));
        string[] before = await window.PixelsAsync("#mask-a");

        string asked = await window.SegmentsAsync(() => window.Page.CheckAsync("#side-a input"));

        Assert.Equal($"/v1/segment/{Coarse}?refine=crf", asked);
        Assert.NotEqual(before, await window.PixelsAsync("#mask-a"));
    }

    [ChromiumFact]
    public async Task Crf_SwitchedOff_HasNoSettings()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        foreach (string control in (string[])["#crf input >> nth=0", "[name=quality][value=fast]", "#crf-reset"])
        {
            Assert.True(await window.Page.IsDisabledAsync(control), control);
        }

        await window.SegmentsAsync(() => window.Page.CheckAsync("#side-a input"));
        Assert.True(await window.Page.IsEnabledAsync("#crf input >> nth=0"));

        await window.SegmentsAsync(() => window.Page.UncheckAsync("#side-a input"));
        Assert.True(await window.Page.IsDisabledAsync("#crf input >> nth=0"));
    }

    [ChromiumFact]
    public async Task Crf_Parameters_AreSentOnceSomebodyChoosesThem()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        await window.SegmentsAsync(() => window.Page.CheckAsync("#side-a input"));

        string moved = await window.SegmentsAsync(() => window.SlideAsync("#crf label:has-text('Iterations') input", 3));
        string fast = await window.SegmentsAsync(() => window.Page.CheckAsync("[name=quality][value=fast]", new() { Force = true }));
        string reset = await window.SegmentsAsync(() => window.Page.ClickAsync("#crf-reset"));

        Assert.Equal("/v1/segment/tiny?refine=crf&crf.iterations=3", moved);
        Assert.Equal("/v1/segment/tiny?refine=crf&crf.iterations=3&crf.quality=fast", fast);
        Assert.Equal("/v1/segment/tiny?refine=crf", reset);
    }

    [ChromiumFact]
    public async Task Crf_Slider_UsesTheLatticeOfTheStepBefore()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        List<string?> sent = [];
        window.Page.Request += (_, request) =>
        {
            if (request.Url.Contains("refine=crf", StringComparison.Ordinal) && request.Method == "POST")
            {
                sent.Add(request.Headers.GetValueOrDefault("x-lattice"));
            }
        };

        await window.SegmentsAsync(() => window.Page.CheckAsync("#side-a input"));
        await window.SegmentsAsync(() => window.SlideAsync("#crf label:has-text('Iterations') input", 3));
        await window.SegmentsAsync(() => window.SlideAsync("#crf label:has-text('Iterations') input", 4));
        await window.UploadAsync(Photo.Plain(40, 40));

        Assert.Equal(("new", "new"), (sent[0], sent[3]));
        Assert.Equal(32, sent[1]!.Length);
        Assert.Equal(sent[1], sent[2]);
    }

    [ChromiumFact]
    public async Task Passes_ScalesAndMirror_AreAskedFor()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        string scales = await window.SegmentsAsync(() => window.Page.CheckAsync("[name=scale][value='1.5']", new() { Force = true }));
        string mirrored = await window.SegmentsAsync(() => window.Page.CheckAsync("#flip"));

        Assert.Equal("/v1/segment/tiny?scales=1,1.5", scales);
        Assert.Equal("/v1/segment/tiny?scales=1,1.5&flip=true", mirrored);
    }

    [ChromiumFact]
    public async Task Passes_Tiles_AreAskedFor()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        Assert.True(await window.Page.IsDisabledAsync("#tiles input >> nth=0"));

        string tiles = await window.SegmentsAsync(() => window.Page.CheckAsync("[name=mode][value=slide]", new() { Force = true }));
        string side = await window.SegmentsAsync(() => window.SlideAsync("#tiles label:has-text('Side') input", 64));
        string overlap = await window.SegmentsAsync(() => window.SlideAsync("#tiles label:has-text('Overlap') input", 50));
        string whole = await window.SegmentsAsync(() => window.Page.CheckAsync("[name=mode][value=whole]", new() { Force = true }));

        Assert.Equal("/v1/segment/tiny?mode=slide", tiles);
        Assert.Equal("/v1/segment/tiny?mode=slide&crop=64", side);
        Assert.Equal("/v1/segment/tiny?mode=slide&crop=64&stride_rate=0.5", overlap);
        Assert.Equal("/v1/segment/tiny?mode=whole", whole);
    }

    [ChromiumFact]
    public async Task Model_LongName_IsShownWhole()
    {
        const string Name = "cityscapes-deeplabv3plus-mobilenetv2";
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        double[] widths = await window.Page.EvaluateAsync<double[]>(
            """
            name => {
              const select = document.querySelector("#side-a select");
              const style = getComputedStyle(select);
              const context = new OffscreenCanvas(1, 1).getContext("2d");
              context.font = style.font;
              return [context.measureText(name).width, select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)];
            }
            """,
            Name);

        Assert.InRange(widths[0], 1, widths[1]);
    }

    [ChromiumFact]
    public async Task Legend_Shares_AreTheApis()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        string[] shown =
        [
            .. (await window.Page.Locator("#legend button").AllInnerTextsAsync()).Select(text =>
                string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)))
        ];

        using JsonDocument summary = JsonDocument.Parse(await window.AnswerAsync("/v1/segment/tiny?format=json", Photo.Png));
        Assert.Equal(
            summary.RootElement.GetProperty("classes").EnumerateArray().Select(c =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{c.GetProperty("name").GetString()} " +
                    $"{100.0 * c.GetProperty("pixels").GetInt32() / Photo.Labels.Length:F1} %")).Order(),
            shown.Order());
    }

    [ChromiumFact]
    public async Task Legend_Press_IsolatesTheClassAndAnotherShowsAll()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        string[] all = await window.PixelsAsync("#mask-a");

        await window.Page.ClickAsync("#legend button >> nth=0");
        string[] isolated = await window.PixelsAsync("#mask-a");
        await window.Page.ClickAsync("#legend [aria-pressed=true]");

        Assert.Equal(all.Select(color => color == all[0] ? color : ""), isolated); // the largest class is the upper half
        Assert.Equal(all, await window.PixelsAsync("#mask-a"));
    }

    [ChromiumFact]
    public async Task Legend_PressedByKey_KeepsTheFocus()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        string? name = await window.Page.GetAttributeAsync("#legend button >> nth=1", "data-class");

        await window.Page.FocusAsync("#legend button >> nth=1");
        await window.Page.Keyboard.PressAsync("Enter");

        Assert.Equal(name, await window.Page.EvaluateAsync<string>("() => document.activeElement.dataset.class"));
        Assert.Equal(name, await window.Page.GetAttributeAsync("#legend [aria-pressed=true]", "data-class"));
    }

    [ChromiumFact]
    public async Task Legend_IsolatedClassThatTheNextMaskLacks_ShowsAllAgain()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        await window.DescribeAsync(Coarse, description => description["classes"]![0]!["name"] = "crimson");
        await window.Page.ClickAsync("#legend [data-class=red]");

        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-a select", Coarse));

        Assert.DoesNotContain("", await window.PixelsAsync("#mask-a"));
        Assert.Equal(0, await window.Page.Locator("#legend .dimmed").CountAsync());
    }

    [ChromiumFact]
    public async Task Outline_Chosen_ShowsOnlyWhereClassesMeet()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        await window.Page.CheckAsync("[value=outline]", new() { Force = true });

        string[] pixels = await window.PixelsAsync("#mask-a");
        Assert.Equal("", pixels[(5 * Photo.Width) + 5]);
        Assert.NotEqual("", pixels[((Photo.Height / 2) * Photo.Width) + 5]);
    }

    [ChromiumFact]
    public async Task Opacity_Moved_FadesTheMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        await window.SlideAsync("#opacity", 25);

        Assert.Equal("0.25", await window.Page.EvaluateAsync<string>("() => getComputedStyle(document.querySelector('#mask-a')).opacity"));
    }

    [ChromiumFact]
    public async Task Sides_Two_ArePartedByTheDivider()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        Assert.False(await window.Page.IsVisibleAsync("#divider"));

        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-b select", Coarse));
        await window.Page.FocusAsync("#divider");
        await window.Page.Keyboard.PressAsync("ArrowLeft");
        Assert.Equal("48", await window.Page.GetAttributeAsync("#divider", "aria-valuenow"));

        LocatorBoundingBoxResult picture = (await window.Page.Locator("#picture").BoundingBoxAsync())!;
        await window.Page.HoverAsync("#divider");
        await window.Page.Mouse.DownAsync();
        await window.Page.Mouse.MoveAsync(picture.X + (picture.Width / 4), picture.Y + 20);
        await window.Page.Mouse.UpAsync();

        Assert.Equal("25", (await window.Page.GetAttributeAsync("#divider", "aria-valuenow"))!.Split('.')[0]);
        Assert.Equal("inset(0px 75% 0px 0px)", await ClipAsync(window, "#mask-a"));
        Assert.Equal("inset(0px 0px 0px 25%)", await ClipAsync(window, "#mask-b"));
        Assert.Equal(2, await window.Page.Locator("#legend button >> nth=0").Locator(".share").CountAsync());
    }

    [ChromiumFact]
    public async Task Pointer_OverThePicture_NamesClassAndConfidence()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        LocatorBoundingBoxResult picture = (await window.Page.Locator("#picture").BoundingBoxAsync())!;

        await window.Page.Mouse.MoveAsync(picture.X + (picture.Width * 0.9f), picture.Y + (picture.Height * 0.9f));
        await window.Page.WaitForSelectorAsync("#readout b");

        int level = (await ConfidenceAsync(window))[(28 * Photo.Width) + 43];
        Assert.Equal($"blue {Math.Round(level / 2.55)} %", await ReadoutAsync(window));
    }

    [ChromiumFact]
    public async Task Arrows_OnThePicture_MoveTheProbe()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        await window.Page.FocusAsync("#picture");
        for (int i = 0; i < 3; i++)
        {
            await window.Page.Keyboard.PressAsync("Shift+ArrowUp");
        }

        await window.Page.WaitForSelectorAsync("#readout b");
        Assert.StartsWith("red", await ReadoutAsync(window), StringComparison.Ordinal);
        Assert.True(await window.Page.IsVisibleAsync("#crosshair"));
    }

    [ChromiumFact]
    public async Task Times_OfTheStages_AreTheServers()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        IResponse response = await window.Page.RunAndWaitForResponseAsync(
            () => window.UploadAsync(Photo.Png), r => r.Url.EndsWith("/v1/segment/tiny", StringComparison.Ordinal));

        string timing = (await response.AllHeadersAsync())["server-timing"];
        string[] stages = [.. await window.Page.Locator("#timings .stage > span").AllInnerTextsAsync()];
        Assert.Contains("infer", stages);
        Assert.All(stages, stage => Assert.Contains(stage + ";dur=", timing, StringComparison.Ordinal));
    }

    // Chooses the coarse model, of which the page hears nothing until the result is set.
    private static async Task<TaskCompletionSource> ChooseSlowlyAsync(PlaygroundWindow window, string select)
    {
        TaskCompletionSource answer = new();
        await window.Page.RouteAsync($"**/v1/models/{Coarse}", async route =>
        {
            await answer.Task;
            await route.ContinueAsync();
        });
        await window.Page.RunAndWaitForRequestAsync(
            () => window.Page.SelectOptionAsync(select, Coarse),
            request => request.Url.EndsWith(Coarse, StringComparison.Ordinal));
        return answer;
    }

    private static Task<string> ClipAsync(PlaygroundWindow window, string canvas) =>
        window.Page.EvaluateAsync<string>(
            "canvas => getComputedStyle(document.querySelector(canvas)).clipPath.replace('calc(100% - 25%)', '75%')",
            canvas);

    private static async Task<string> ReadoutAsync(PlaygroundWindow window) =>
        string.Join(' ', (await window.Page.InnerTextAsync("#readout")).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static async Task<int[]> ConfidenceAsync(PlaygroundWindow window) => await window.Page.EvaluateAsync<int[]>(
        "async file => { const { readSamples } = await import(new URL('playground/png.js', document.baseURI)); " +
        "return [...(await readSamples(new Uint8Array(file).buffer)).samples]; }",
        (await window.AnswerAsync("/v1/segment/tiny?format=confidence", Photo.Png)).Select(b => (int)b).ToArray());
}

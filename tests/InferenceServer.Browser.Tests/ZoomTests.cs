using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>A closer look shows the same part of the image and of every mask.</summary>
[Collection(SharedBrowser.Name)]
public sealed class ZoomTests(Browser browser)
{
    private static readonly string[] Layers = ["#photo", "#mask-a", "#mask-b"];

    [ChromiumFact]
    public async Task Wheel_OverTheImage_EnlargesWhatIsUnderThePointer()
    {
        await using PlaygroundWindow window = await OpenAsync();
        LocatorBoundingBoxResult picture = await BoxAsync(window, "#picture");
        float x = picture.X + (picture.Width * 0.75f), y = picture.Y + (picture.Height * 0.25f);
        await window.Page.Mouse.MoveAsync(x, y);

        await window.Page.Mouse.WheelAsync(0, -100);
        await window.Page.Mouse.WheelAsync(0, -100);

        await LevelAsync(window, "156 %");
        foreach (string layer in Layers)
        {
            LocatorBoundingBoxResult box = await BoxAsync(window, layer);
            Assert.Equal(1.5625, box.Width / picture.Width, 0.01);
            Assert.Equal(0.75, (x - box.X) / box.Width, 0.01); // still the same point of the image
            Assert.Equal(0.25, (y - box.Y) / box.Height, 0.01);
        }
    }

    [ChromiumFact]
    public async Task Drag_Enlarged_MovesEveryLayerAsFarAsTheImageReaches()
    {
        await using PlaygroundWindow window = await OpenAsync();
        LocatorBoundingBoxResult picture = await BoxAsync(window, "#picture");
        float left = picture.X + (picture.Width / 4), middle = picture.Y + (picture.Height / 2);
        await window.Page.FocusAsync("#picture");
        for (int i = 0; i < 4; i++)
        {
            await window.Page.Keyboard.PressAsync("+");
        }

        LocatorBoundingBoxResult before = await BoxAsync(window, "#photo");
        await DragAsync(window, left, middle, left + 40, middle + 20);
        foreach (string layer in Layers)
        {
            LocatorBoundingBoxResult box = await BoxAsync(window, layer);
            Assert.Equal(
                (before.X + 40, before.Y + 20), (box.X, box.Y),
                (one, other) => Math.Abs(one.Item1 - other.Item1) < 1 && Math.Abs(one.Item2 - other.Item2) < 1);
        }

        await DragAsync(window, left, middle, left + (3 * picture.Width), middle);
        Assert.Equal(picture.X, (await BoxAsync(window, "#mask-a")).X, 0.5); // the left edge
    }

    [ChromiumFact]
    public async Task DoubleClickAndZero_Enlarged_ShowTheWholeImage()
    {
        await using PlaygroundWindow window = await OpenAsync();

        await window.Page.ClickAsync("#zoom-in");
        await LevelAsync(window, "125 %");
        await window.Page.DblClickAsync("#picture", new() { Position = new() { X = 20, Y = 20 } });
        await LevelAsync(window, "100 %");

        await window.Page.FocusAsync("#picture");
        await window.Page.Keyboard.PressAsync("+");
        await window.Page.Keyboard.PressAsync("+");
        await window.Page.Keyboard.PressAsync("-");
        await LevelAsync(window, "125 %");
        await window.Page.Keyboard.PressAsync("0");
        await LevelAsync(window, "100 %");
        Assert.Equal(
            await BoxAsync(window, "#picture"), await BoxAsync(window, "#mask-a"),
            (one, other) => one.X == other.X && one.Width == other.Width);
    }

    // The divider keeps its place on the screen: left of it is A, however near.
    [ChromiumFact]
    public async Task Divider_Enlarged_PartsTheMasksWhereItStands()
    {
        await using PlaygroundWindow window = await OpenAsync();
        LocatorBoundingBoxResult picture = await BoxAsync(window, "#picture");
        await window.Page.Mouse.MoveAsync(picture.X + (picture.Width * 0.9f), picture.Y + (picture.Height / 2));
        for (int i = 0; i < 3; i++)
        {
            await window.Page.Mouse.WheelAsync(0, -100);
        }

        await LevelAsync(window, "195 %");

        // Hidden layers would not do: what is clipped is not hit.
        Assert.Equal(["mask-a", "mask-b"], await window.Page.EvaluateAsync<string[]>(
            """
            () => {
              document.querySelectorAll("#divider, #photo").forEach(e => (e.style.display = "none"));
              document.querySelectorAll("canvas").forEach(e => (e.style.pointerEvents = "auto"));
              const { left, top, width, height } = document.querySelector("#picture").getBoundingClientRect();
              return [0.48, 0.52].map(x => document.elementFromPoint(left + width * x, top + height * 0.7).id);
            }
            """));
    }

    [ChromiumFact]
    public async Task Pointer_Enlarged_ReadsThePixelUnderIt()
    {
        await using PlaygroundWindow window = await OpenAsync();
        LocatorBoundingBoxResult picture = await BoxAsync(window, "#picture");
        await window.Page.Mouse.MoveAsync(picture.X + 2, picture.Y + 2);
        for (int i = 0; i < 6; i++)
        {
            await window.Page.Mouse.WheelAsync(0, -100); // 3.8 times; what was the upper left quarter fills the picture
        }

        await LevelAsync(window, "381 %");
        await window.Page.Mouse.MoveAsync(picture.X + (picture.Width * 0.3f), picture.Y + (picture.Height * 0.95f));

        await window.Page.WaitForSelectorAsync("#readout");
        // Whole, it would be another class down there.
        Assert.StartsWith("red", (await window.Page.InnerTextAsync("#readout")).Trim(), StringComparison.Ordinal);
    }

    [ChromiumFact]
    public async Task Open_AnotherImage_IsShownWhole()
    {
        await using PlaygroundWindow window = await OpenAsync();
        await window.Page.ClickAsync("#zoom-in");

        await window.UploadAsync(Photo.Png, "another.png");

        await LevelAsync(window, "100 %");
    }

    private async Task<PlaygroundWindow> OpenAsync()
    {
        PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);
        await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-b select", "tiny-stride8"));
        await window.Page.WaitForSelectorAsync("#divider");
        return window;
    }

    private static async Task DragAsync(PlaygroundWindow window, float x, float y, float toX, float toY)
    {
        await window.Page.Mouse.MoveAsync(x, y);
        await window.Page.Mouse.DownAsync();
        await window.Page.Mouse.MoveAsync(toX, toY, new() { Steps = 4 });
        await window.Page.Mouse.UpAsync();
    }

    private static async Task<LocatorBoundingBoxResult> BoxAsync(PlaygroundWindow window, string selector) =>
        (await window.Page.Locator(selector).BoundingBoxAsync())!;

    private static async Task LevelAsync(PlaygroundWindow window, string text) =>
        await window.Page.WaitForFunctionAsync("text => document.querySelector('#zoom-level').textContent === text", text);
}

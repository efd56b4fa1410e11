using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>Images that browsers show wrongly or not at all: of many bands or 16 bits, with map coordinates.</summary>
[Collection(SharedBrowser.Name)]
public sealed class RasterTests(Browser browser)
{
    private const string Map = "utm-bands.tif";

    [ChromiumFact]
    public async Task Open_NetworkOfBands_ShowsItsView()
    {
        using MapModel model = new();
        await using ServerProcess server = await ServerProcess.StartAsync(model.Settings);
        await using PlaygroundWindow window = await browser.OpenAsync(server: server.Address);

        await OpenMapAsync(window);

        Assert.Equal(Colors(MapModel.View(0, 1, 2)), await window.PixelsAsync("#photo"));
        Assert.Single(Views(window));
    }

    [ChromiumFact]
    public async Task Bands_OfTheUser_ChangeViewAndMask()
    {
        using MapModel model = new();
        await using ServerProcess server = await ServerProcess.StartAsync(model.Settings);
        await using PlaygroundWindow window = await browser.OpenAsync(server: server.Address);
        await OpenMapAsync(window);
        string[] before = await window.PixelsAsync("#mask-a");
        Assert.Equal("3,2,1,4", await window.Page.GetAttributeAsync("#bands", "placeholder"));
        Assert.Equal("scale:10000", await window.Page.GetAttributeAsync("#value-scaling", "placeholder"));

        await FillAsync(window, "#bands", "1,2,3,4");
        await ViewAsync(window, MapModel.View(2, 1, 0));
        string[] after = await window.PixelsAsync("#mask-a");
        await FillAsync(window, "#bands", "");
        await ViewAsync(window, MapModel.View(0, 1, 2));

        Assert.Equal(
            ["/v1/segment/land?format=view", "/v1/segment/land?format=view&bands=1,2,3,4", "/v1/segment/land?format=view"],
            Views(window));
        Assert.Equal(before.Select(color => color switch { "#ff0000" => "#0000ff", "#0000ff" => "#ff0000", _ => color }), after);
    }

    [ChromiumFact]
    public async Task ValueScaling_DeepImageForANetworkOfColors_ShowsImageAndMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.OpenAsync(MapModel.Image("utm-bands"), Map, "image/tiff");
        Assert.Contains("bands", await window.ProblemAsync(), StringComparison.Ordinal);
        Assert.False(await window.Page.IsVisibleAsync("#picture"));

        await FillAsync(window, "#bands", "3,2,1");
        await FillAsync(window, "#value-scaling", "min-max:0,4000");

        await window.ShownAsync(Map);
        await ViewAsync(window, MapModel.View(0, 1, 2));
        Assert.False(await window.Page.IsVisibleAsync("#problem"));
    }

    [ChromiumFact]
    public async Task Pointer_OverAMap_ReadsItsCoordinates()
    {
        using MapModel model = new();
        await using ServerProcess server = await ServerProcess.StartAsync(model.Settings);
        await using PlaygroundWindow window = await browser.OpenAsync(server: server.Address);
        await OpenMapAsync(window);

        // The middle of the image: 24 columns and 16 rows of 60 m from its corner.
        await window.Page.FocusAsync("#picture");
        await window.Page.Keyboard.PressAsync("ArrowRight");
        await window.Page.Keyboard.PressAsync("ArrowLeft");
        await window.Page.WaitForSelectorAsync("#readout b");

        string[] lines = await window.Page.Locator("#readout .place").AllInnerTextsAsync() is { } texts ? [.. texts] : [];
        Assert.Equal(["442160, 5750360 EPSG:32633", "51.90099° N 14.15932° E"], lines);
    }

    [ChromiumFact]
    public async Task Pointer_OverAPhotograph_ReadsNoCoordinates()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.UploadAsync(Photo.Png);

        await window.Page.HoverAsync("#picture");
        await window.Page.WaitForSelectorAsync("#readout b");

        Assert.Equal(0, await window.Page.Locator("#readout .place").CountAsync());
    }

    [ChromiumFact]
    public async Task Open_Photograph_IsDrawnByTheBrowser()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();

        await window.UploadAsync(Photo.Png);
        await window.UploadAsync(Photo.Noise(jpeg: true), "photo.jpg", "image/jpeg");

        Assert.Empty(Views(window));
    }

    [ChromiumFact]
    public async Task Open_PngOf16Bits_IsDrawnByTheServer()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();

        await window.UploadAsync(Photo.Deep, "deep.png");
        await ViewAsync(window, Photo.Labels.SelectMany(Photo.Color));

        Assert.Equal(["/v1/segment/tiny?format=view"], Views(window));
    }

    private static async Task OpenMapAsync(PlaygroundWindow window)
    {
        await window.UploadAsync(MapModel.Image("utm-bands"), Map, "image/tiff");
        await window.Page.WaitForSelectorAsync("#picture");
    }

    private static async Task FillAsync(PlaygroundWindow window, string input, string text)
    {
        await window.Page.FillAsync(input, text);
        await window.Page.PressAsync(input, "Enter");
    }

    private static IEnumerable<string> Views(PlaygroundWindow window) =>
        window.Requests.Select(uri => uri.PathAndQuery).Where(path => path.Contains("format=view", StringComparison.Ordinal));

    // Waits, because the mask and the view come by themselves.
    private static async Task ViewAsync(PlaygroundWindow window, IEnumerable<byte> expected)
    {
        string[] colors = Colors(expected);
        string[] shown = [];
        for (int i = 0; i < 200 && !shown.SequenceEqual(colors); i++)
        {
            await Task.Delay(50);
            shown = await window.PixelsAsync("#photo");
        }

        await window.Page.WaitForFunctionAsync("() => document.querySelector('#progress').hidden");
        Assert.Equal(colors, shown);
    }

    private static string[] Colors(IEnumerable<byte> rgb) => [.. rgb.Chunk(3).Select(c => $"#{c[0]:x2}{c[1]:x2}{c[2]:x2}")];
}

using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>The page as somebody sees and uses it. What the browser complains of fails the test at the end.</summary>
internal sealed class PlaygroundWindow : IAsyncDisposable
{
    private const float MaxWaitMs = 120_000; // of every wait; a busy machine must not fail a test
    private readonly ConcurrentQueue<string> _complaints = [];

    private PlaygroundWindow(IPage page) => Page = page;

    public IPage Page { get; }

    /// <summary>Whatever the page asked for, of any host.</summary>
    public ConcurrentQueue<Uri> Requests { get; } = [];

    public HttpClient Api { get; private init; } = null!;

    public static async Task<PlaygroundWindow> OpenAsync(IPage page, Uri server)
    {
        PlaygroundWindow window = new(page) { Api = new HttpClient { BaseAddress = server } };
        page.SetDefaultTimeout(MaxWaitMs);
        page.PageError += (_, error) => window._complaints.Enqueue(error);
        page.Console += (_, message) =>
        {
            // Answers from 400 on are written down by the browser, too, and are some tests' very subject.
            if (message.Type is "error" or "warning" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
            {
                window._complaints.Enqueue(message.Text);
            }
        };
        page.Request += (_, request) => window.Requests.Enqueue(new Uri(request.Url));
        await page.GotoAsync(server.ToString());
        return window;
    }

    /// <summary>Opens an image by the button and waits for its mask.</summary>
    public async Task UploadAsync(byte[] image, string name = "photo.png", string type = "image/png")
    {
        await OpenAsync(image, name, type);
        await ShownAsync(name);
    }

    /// <summary>Opens an image by the button.</summary>
    public async Task OpenAsync(byte[] image, string name = "photo.png", string type = "image/png")
    {
        await ReadyAsync();
        await Page.SetInputFilesAsync("#file", new FilePayload { Name = name, MimeType = type, Buffer = image });
    }

    /// <summary>Waits until a model is chosen, formats are known, and an image may come.</summary>
    public Task ReadyAsync() => Page.WaitForFunctionAsync("() => document.querySelector('#snippet').textContent !== ''");

    /// <summary>Waits until the masks of an image are there.</summary>
    public Task ShownAsync(string name) => Page.WaitForFunctionAsync(
        "name => document.querySelector('#status').textContent.startsWith(name + ',') && document.querySelector('#progress').hidden", name);

    /// <summary>Waits for the answer that an action brings about, and for its mask.</summary>
    /// <returns>What was asked for.</returns>
    public async Task<string> SegmentsAsync(Func<Task> action)
    {
        IResponse response = await Page.RunAndWaitForResponseAsync(action, r => r.Url.Contains("/v1/segment/", StringComparison.Ordinal));
        await Page.WaitForFunctionAsync("() => document.querySelector('#progress').hidden");
        return new Uri(response.Url).PathAndQuery;
    }

    /// <summary>Waits for what stands where the page says what went wrong.</summary>
    public async Task<string> ProblemAsync()
    {
        await Page.WaitForSelectorAsync("#problem");
        return await Page.InnerTextAsync("#problem p");
    }

    /// <summary>Changes what the server says of a model, as often as it is asked.</summary>
    public Task DescribeAsync(string model, Action<JsonObject> change) => Page.RouteAsync($"**/v1/models/{model}", async route =>
    {
        JsonObject description = (await Api.GetFromJsonAsync<JsonObject>($"/v1/models/{model}"))!;
        change(description);
        await route.FulfillAsync(new() { ContentType = "application/json", Body = description.ToJsonString() });
    });

    /// <summary>The colours of a canvas or an image, #rrggbb for each pixel that is not transparent, row by row.</summary>
    public Task<string[]> PixelsAsync(string canvas) => Page.EvaluateAsync<string[]>(
        """
        canvas => {
          const source = document.querySelector(canvas);
          const [width, height] = [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height];
          const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
          copy.drawImage(source, 0, 0);
          const { data } = copy.getImageData(0, 0, width, height);
          const hex = v => v.toString(16).padStart(2, "0");
          const color = ([r, g, b, a]) => a === 0 ? "" : "#" + hex(r) + hex(g) + hex(b);
          return Array.from({ length: width * height }, (_, i) => color(data.slice(4 * i, 4 * i + 4)));
        }
        """,
        canvas);

    /// <summary>What the API answers to the same image.</summary>
    public async Task<byte[]> AnswerAsync(string pathAndQuery, byte[] image)
    {
        using HttpResponseMessage response = await Api.PostAsync(pathAndQuery, Photo.Content(image));
        return await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
    }

    /// <summary>Moves a slider as the keys would.</summary>
    public Task SlideAsync(string selector, double value) => Page.Locator(selector).FillAsync(value.ToString(CultureInfo.InvariantCulture));

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Page.Context.CloseAsync();
        Assert.Empty(_complaints);
    }
}

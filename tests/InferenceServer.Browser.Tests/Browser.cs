using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>One headless Chromium for all tests, and the server with the tiny models.</summary>
public sealed class Browser : IAsyncLifetime
{
    private IPlaywright? _playwright;
    private IBrowser? _chromium;
    private ServerProcess? _server;

    internal Uri Server => _server!.Address;

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        if (ChromiumFactAttribute.Program is not { } program)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        _chromium = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = program,
            // Root, as in a container, has no sandbox; the camera is a test picture that needs no permission.
            Args = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        });
        _server = await ServerProcess.StartAsync();
    }

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        await (_chromium?.CloseAsync() ?? Task.CompletedTask);
        _playwright?.Dispose();
    }

    /// <summary>Opens the playground in a window of its own.</summary>
    internal async Task<PlaygroundWindow> OpenAsync(BrowserNewContextOptions? options = null, Uri? server = null)
    {
        IBrowserContext context = await _chromium!.NewContextAsync(options);
        return await PlaygroundWindow.OpenAsync(await context.NewPageAsync(), server ?? Server);
    }
}

using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Tests.Fetching;

/// <summary>Another web server, that images are fetched from.</summary>
internal sealed class ImageHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ImageHost(WebApplication app) => _app = app;

    public Uri Address => new(_app.Urls.Single());

    public string Authority => Address.Authority;

    /// <summary>The headers <c>Authorization</c> that came.</summary>
    public List<string> Authorizations { get; } = [];

    public static async Task<ImageHost> StartAsync(RequestDelegate answer)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        ImageHost host = new(app);
        app.Run(http =>
        {
            host.Authorizations.Add(http.Request.Headers.Authorization.ToString());
            return answer(http);
        });
        await app.StartAsync();
        return host;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}

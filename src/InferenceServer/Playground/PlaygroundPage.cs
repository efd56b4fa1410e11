using Microsoft.Extensions.FileProviders;

namespace InferenceServer.Playground;

/// <summary>Serves the playground at <c>/</c>: the files in <c>wwwroot</c> beside the program.</summary>
internal static class PlaygroundPage
{
    public static void UsePlayground(this WebApplication app)
    {
        FileServerOptions files = new()
        {
            FileProvider = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "wwwroot")),
        };
        // Browsers ask each time, which an ETag makes cheap: modules of two versions of the server do not fit together.
        files.StaticFileOptions.OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache";
        app.UseFileServer(files);
    }
}

using Microsoft.Extensions.FileProviders;

namespace InferenceServer.Playground;

/// <summary>Serves the playground at <c>/</c>: the files of <c>wwwroot</c> beside the program.</summary>
internal static class PlaygroundPage
{
    public static void UsePlayground(this WebApplication app)
    {
        FileServerOptions files = new()
        {
            FileProvider = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "wwwroot")),
        };
        // Browsers revalidate each file, which an ETag makes cheap: modules of two versions of the server are
        // incompatible.
        files.StaticFileOptions.OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache";
        app.UseFileServer(files);
    }
}

using Microsoft.Extensions.FileProviders;

namespace InferenceServer.Playground;

/// <summary>The page at <c>/</c>: the files of <c>wwwroot</c>, which lies beside the program.</summary>
internal static class PlaygroundPage
{
    public static void UsePlayground(this WebApplication app)
    {
        FileServerOptions files = new() { FileProvider = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "wwwroot")) };
        // Asked for anew each time, which an ETag makes cheap: modules of two versions of the server do not fit together.
        files.StaticFileOptions.OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache";
        app.UseFileServer(files);
    }
}

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
        // The page's links are relative, and the framework would redirect to an address with the request's Host.
        files.RedirectToAppendTrailingSlash = false;
        app.Use((http, next) =>
        {
            HttpRequest request = http.Request;
            if (request.Path.HasValue || !(HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method)))
            {
                return next(http);
            }

            http.Response.Redirect($"{request.PathBase}/{request.QueryString}");
            return Task.CompletedTask;
        });
        app.UseFileServer(files);
    }
}

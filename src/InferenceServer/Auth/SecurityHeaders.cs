using Microsoft.Net.Http.Headers;

namespace InferenceServer.Auth;

/// <summary>Headers that keep browsers from making more of an answer than it is.</summary>
internal static class SecurityHeaders
{
    // An answer is a picture or data: it loads nothing, and nobody frames it.
    private const string Data = "default-src 'none'; frame-ancestors 'none'";

    // The playground has everything in files, and shows photographs and masks from memory; no text may become markup.
    private const string Playground =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    // Swagger UI has its scripts in files, styles in the page, and shows masks from memory.
    private const string Swagger = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public static void UseSecurityHeaders(this WebApplication app) => app.Use((http, next) =>
    {
        // At the last moment, because whoever turns an exception into a problem clears the headers first.
        http.Response.OnStarting(static state =>
        {
            HttpContext http = (HttpContext)state;
            IHeaderDictionary headers = http.Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers.ContentSecurityPolicy = Policy(http.Request.Path);
            headers["Referrer-Policy"] = "no-referrer";
            return Task.CompletedTask;
        }, http);
        return next(http);
    });

    // The file server has made "/" this file by then.
    private static string Policy(PathString path) => path.StartsWithSegments("/swagger") ? Swagger : path == "/index.html" ? Playground : Data;
}

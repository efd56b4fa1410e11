using Microsoft.Net.Http.Headers;

namespace InferenceServer.Security;

/// <summary>Headers that keep browsers from making more of an answer than it is.</summary>
internal static class SecurityHeaders
{
    // An answer is a picture or data: it loads nothing, and nobody frames it.
    private const string Data = "default-src 'none'; frame-ancestors 'none'";

    // Swagger UI has its scripts in files, styles in the page, and shows masks from memory.
    private const string Page = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public static void UseSecurityHeaders(this WebApplication app) => app.Use((http, next) =>
    {
        // At the last moment, because whoever turns an exception into a problem clears the headers first.
        http.Response.OnStarting(static state =>
        {
            HttpContext http = (HttpContext)state;
            IHeaderDictionary headers = http.Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers.ContentSecurityPolicy = http.Request.Path.StartsWithSegments("/swagger") ? Page : Data;
            headers["Referrer-Policy"] = "no-referrer";
            return Task.CompletedTask;
        }, http);
        return next(http);
    });
}

using Microsoft.Net.Http.Headers;

namespace InferenceServer.Auth;

/// <summary>Headers that restrict what browsers do with answers.</summary>
internal static class SecurityHeaders
{
    // An answer is an image or data: it loads nothing, and no page may frame it.
    private const string Data = "default-src 'none'; frame-ancestors 'none'";

    // The playground has all scripts and styles in files, and shows images and masks from memory. No text may become
    // markup.
    private const string Playground =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        + "trusted-types 'none'";

    // Swagger UI has its scripts in files, its styles in the page, and shows masks from memory.
    private const string Swagger =
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
        + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public static void UseSecurityHeaders(this WebApplication app) => app.Use((http, next) =>
    {
        // Set when the answer starts: the exception handler clears the headers before.
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

    private static string Policy(PathString path)
    {
        if (path.StartsWithSegments("/swagger"))
        {
            return Swagger;
        }

        return path == "/index.html" ? Playground : Data; // the file server has rewritten "/" to this file
    }
}

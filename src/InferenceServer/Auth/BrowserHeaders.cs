using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
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

        if (path == "/index.html")
        {
            return Playground;
        }

        return Data; // the file server has rewritten "/" to this file
    }
}

/// <summary>Lets pages of the listed origins call the server and read the answers' headers.</summary>
internal static class CorsSetup
{
    private static readonly string[] Readable =
    [
        "X-Model", "X-Model-Version", "X-Image-Width", "X-Image-Height", "X-Request-Id", "X-Lattice", "Server-Timing",
        "Inference-Header-Content-Length", HeaderNames.RetryAfter, HeaderNames.WWWAuthenticate,
    ];

    public static void AddOrigins(this IServiceCollection services)
    {
        services.AddCors();
        services.AddOptions<CorsOptions>()
            .Configure<IOptions<SecurityOptions>>((cors, security) => cors.AddDefaultPolicy(policy => policy
            .WithOrigins([.. security.Value.Origins])
            .WithMethods(HttpMethods.Get, HttpMethods.Post)
            .AllowAnyHeader()
            .WithExposedHeaders(Readable)
            .SetPreflightMaxAge(TimeSpan.FromHours(1))));
    }

    public static void UseOrigins(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<SecurityOptions>>().Value.Origins.Count > 0)
        {
            app.UseCors();
        }
    }
}

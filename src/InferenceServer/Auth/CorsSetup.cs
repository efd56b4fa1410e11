using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Auth;

/// <summary>Lets pages of the listed origins call the server and read the answers' headers.</summary>
internal static class CorsSetup
{
    private static readonly string[] Readable =
    [
        "X-Model", "X-Model-Version", "X-Image-Width", "X-Image-Height", "X-Request-Id", "Server-Timing",
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

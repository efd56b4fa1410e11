namespace InferenceServer.Problems;

/// <summary>Every answer from 400 on is a problem body, whatever the client accepts.</summary>
internal static class ProblemsSetup
{
    public static void AddProblems(this IServiceCollection services)
    {
        services.AddExceptionHandler<SegmentationExceptionHandler>();
        services.AddProblemDetails();
        // A parameter that cannot be parsed is then an exception in production too, and gets a body.
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
    }

    public static void UseProblems(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions { SuppressDiagnosticsCallback = _ => true });
        app.UseStatusCodePages(context => Problem.WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode));
    }
}

namespace InferenceServer.Errors;

/// <summary>Every answer from 400 on is a problem body, whatever the client accepts.</summary>
internal static class ProblemsSetup
{
    public static void AddProblems(this IServiceCollection services)
    {
        services.AddExceptionHandler<SegmentationExceptionHandler>();
        services.AddProblemDetails();
    }

    public static void UseProblems(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions { SuppressDiagnosticsCallback = _ => true });
        app.UseStatusCodePages(context =>
            Problem.WriteAsync(
                context.HttpContext, context.HttpContext.Response.StatusCode, Detail(context.HttpContext)));
    }

    private static string? Detail(HttpContext http) => http.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => $"There is nothing at {http.Request.Path}; /swagger shows what there is.",
        StatusCodes.Status405MethodNotAllowed => $"{http.Request.Path} does not take {http.Request.Method}; /swagger shows what it takes.",
        _ => null,
    };
}

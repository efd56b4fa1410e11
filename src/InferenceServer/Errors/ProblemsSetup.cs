namespace InferenceServer.Errors;

/// <summary>Makes every answer with a status of 400 or more a problem, whatever the client accepts.</summary>
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
        app.UseStatusCodePages(
            context => Problem.WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode, Detail(context.HttpContext)));
    }

    private static string? Detail(HttpContext http) => http.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => $"There is nothing at {http.Request.Path}. /swagger lists all routes.",
        StatusCodes.Status405MethodNotAllowed =>
            $"{http.Request.Path} does not support {http.Request.Method}. /swagger lists the methods of each route.",
        _ => null,
    };
}

using InferenceServer.Problems;
using InferenceServer.Runtime;

namespace InferenceServer.Admin;

/// <summary>Wires the admin key.</summary>
internal static class AdminSetup
{
    public static void AddAdminKey(this IServiceCollection services)
    {
        services.AddOptions<AdminOptions>().BindConfiguration("Admin").ValidateOnStart(new AdminOptionsValidator(), "Admin");
        services.AddSingleton<AdminKey>();
    }

    /// <summary>Only who bears the admin key gets through.</summary>
    public static RouteHandlerBuilder RequireAdminKey(this RouteHandlerBuilder route) => route
        .AddEndpointFilter(async (context, next) => await context.HttpContext.RequestServices.GetRequiredService<AdminKey>().InvokeAsync(context, next))
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden);
}

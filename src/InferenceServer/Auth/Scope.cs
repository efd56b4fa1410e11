using Microsoft.AspNetCore.Authorization;

namespace InferenceServer.Auth;

/// <summary>Scopes of keys and tokens; several are written <c>infer, admin</c>.</summary>
[Flags]
public enum Scope
{
    /// <summary>No scope.</summary>
    None = 0,

    /// <summary>Segment images, and list models.</summary>
    Infer = 1,

    /// <summary>Load and unload models, and list models.</summary>
    Admin = 2,
}

/// <summary>The requirement of a policy: a caller with one of these scopes, unless one of them is granted without a key.</summary>
/// <param name="scopes">One of these is enough.</param>
/// <param name="isGranted">Whether one of them is granted without a key.</param>
internal sealed class ScopeRequirement(Scope scopes, bool isGranted) : AuthorizationHandler<ScopeRequirement>, IAuthorizationRequirement
{
    /// <summary>One of these is enough.</summary>
    public Scope Scopes => scopes;

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ScopeRequirement requirement)
    {
        if (isGranted || (context.User.Identity is Caller caller && caller.Has(scopes)))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}

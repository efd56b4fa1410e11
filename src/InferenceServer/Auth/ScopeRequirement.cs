using Microsoft.AspNetCore.Authorization;

namespace InferenceServer.Auth;

/// <summary>What a policy asks for: a caller with one of some scopes, unless nobody needs a key for them.</summary>
/// <param name="scopes">One of these is enough.</param>
/// <param name="isGranted">Whether nobody needs a key for them.</param>
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

namespace InferenceServer.Auth;

/// <summary>Marks an endpoint that not everybody may call.</summary>
/// <param name="Scopes">One of these opens it.</param>
/// <param name="Budgeted">Whether a call counts against the key's rate and quotas.</param>
internal sealed record RequiredScope(Scope Scopes, bool Budgeted);

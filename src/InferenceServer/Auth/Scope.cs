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

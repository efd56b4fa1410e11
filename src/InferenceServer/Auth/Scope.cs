namespace InferenceServer.Auth;

/// <summary>What a key opens; several are written <c>infer, admin</c>.</summary>
[Flags]
public enum Scope
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Masks, and what models there are.</summary>
    Infer = 1,

    /// <summary>Loading and unloading models, and what models there are.</summary>
    Admin = 2,
}

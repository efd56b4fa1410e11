namespace InferenceServer.Runtime.Manifests;

/// <summary>The rule by which a photograph's size becomes the network's.</summary>
public enum ResizeMode
{
    /// <summary>As it is.</summary>
    None,

    /// <summary>The short side becomes <c>size</c>; the long one keeps the ratio and is cut to a whole number, as torchvision does.</summary>
    ShortSide,

    /// <summary>The long side becomes <c>size</c>; the short one keeps the ratio and is rounded.</summary>
    LongSide,

    /// <summary>Both sides become <c>size</c>, whatever the ratio.</summary>
    Exact,

    /// <summary>As <see cref="LongSide"/>, then padded to a square of <c>size</c>.</summary>
    LongSidePad,
}

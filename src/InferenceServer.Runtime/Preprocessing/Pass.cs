namespace InferenceServer.Runtime.Preprocessing;

/// <summary>One run of the network on one tile of one view.</summary>
/// <param name="View">The view.</param>
/// <param name="Geometry">How the tile lies in the network's input, and where in the photograph.</param>
/// <param name="Mirrored">Whether the input is mirrored, padding and all, and the output mirrored back.</param>
internal sealed record Pass(PassView View, InputGeometry Geometry, bool Mirrored)
{
    /// <summary>The first row of the photograph that it adds to.</summary>
    public int Top => Geometry.Rows.First;

    /// <summary>The row after the last.</summary>
    public int Bottom => Geometry.Rows.First + Geometry.Rows.Count;
}

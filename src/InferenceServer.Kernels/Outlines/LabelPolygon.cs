namespace InferenceServer.Kernels.Outlines;

/// <summary>A part of a label map whose pixels have one label and are connected by their sides.</summary>
/// <param name="Label">The label.</param>
/// <param name="Rings">First the outline, then the holes. The first point of a ring is not repeated at its end. The outline's shoelace area is positive, a hole's negative;
/// no ring crosses or touches itself, and rings touch each other at single points only.</param>
public sealed record LabelPolygon(byte Label, IReadOnlyList<GridPoint[]> Rings);

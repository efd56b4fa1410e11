namespace DenseCrf;

/// <summary>Standard deviations of a colour difference, in 8-bit steps.</summary>
/// <param name="R">Of red.</param>
/// <param name="G">Of green.</param>
/// <param name="B">Of blue.</param>
public readonly record struct CrfColorDeviation(float R, float G, float B);

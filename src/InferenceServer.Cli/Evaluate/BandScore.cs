namespace InferenceServer.Cli.Evaluate;

/// <summary>The scores near true boundaries, a point of the trimap curve; null where they are 0/0.</summary>
/// <param name="Width">Chebyshev distance to the next class up to which pixels count.</param>
/// <param name="Pixels">How many they are.</param>
/// <param name="MeanIou">Mean over the classes of their IoU.</param>
/// <param name="PixelAccuracy">Share of the pixels whose class is right.</param>
internal sealed record BandScore(int Width, long Pixels, double? MeanIou, double? PixelAccuracy);

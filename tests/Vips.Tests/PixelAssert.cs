namespace Vips.Tests;

internal static class PixelAssert
{
    /// <summary>Mean absolute difference: an edge may ring in a lossy format, a turned or miscoloured picture is far off.</summary>
    public static void Close(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        long sum = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            sum += Math.Abs(expected[i] - actual[i]);
        }
        double mean = (double)sum / expected.Length;
        Assert.True(mean <= tolerance, $"The pictures differ by {mean:F2} steps on average; {tolerance} are allowed.");
    }
}

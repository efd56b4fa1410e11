namespace DenseCrf.Tests.Reference;

public sealed class PermutohedralFilterReferenceTests
{
    public static TheoryData<string> Vectors => ["f01", "f02", "f03", "f04"];

    [Theory, MemberData(nameof(Vectors))]
    public void Filter_Vector_MatchesTheReferenceImplementation(string name)
    {
        NpyArray features = Read(name, "features"), input = Read(name, "input");
        NpyArray output = Read(name, "output"), ones = Read(name, "ones");
        PermutohedralFilterReference filter = new(features.Floats, features.Shape[1]);

        AssertClose(output.Floats, filter.Filter(input.Floats, input.Shape[1]));
        AssertClose(ones.Floats, filter.Filter(Enumerable.Repeat(1f, features.Shape[0]).ToArray(), 1));
    }

    [Theory, MemberData(nameof(Vectors))]
    public void Weights_EveryPoint_AreBarycentric(string name)
    {
        NpyArray features = Read(name, "features");
        PermutohedralFilterReference filter = new(features.Floats, features.Shape[1]);
        for (int i = 0; i < filter.Points; i++)
        {
            float[] weights = filter.Weights(i).ToArray();
            Assert.All(weights, w => Assert.InRange(w, -1e-6f, 1 + 1e-6f));
            Assert.Equal(1, weights.Sum(), 1e-5f);
        }
    }

    [Theory, MemberData(nameof(Vectors))]
    public void Keys_EveryVertex_HaveOneRemainder(string name)
    {
        NpyArray features = Read(name, "features");
        int d = features.Shape[1];
        PermutohedralFilterReference filter = new(features.Floats, d);
        foreach (int[] key in filter.Keys)
        {
            // The last coordinate, which is not stored, is the negated sum of the others.
            int remainder = Remainder(key[0], d + 1);
            Assert.All(key, c => Assert.Equal(remainder, Remainder(c, d + 1)));
            Assert.Equal(remainder, Remainder(-key.Sum(), d + 1));
        }
    }

    [Theory, MemberData(nameof(Vectors))]
    public void Filter_Transposed_IsTheAdjoint(string name)
    {
        NpyArray features = Read(name, "features");
        PermutohedralFilterReference filter = new(features.Floats, features.Shape[1]);
        Random random = new(5);
        float[] a = Uniform(random, filter.Points), b = Uniform(random, filter.Points);

        double forward = Dot(a, filter.Filter(b, 1)), backward = Dot(b, filter.Filter(a, 1, transposed: true));

        Assert.Equal(forward, backward, Math.Abs(forward) * 1e-5);
    }

    private static int Remainder(int value, int divisor) => ((value % divisor) + divisor) % divisor;

    private static float[] Uniform(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle())];

    private static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

    private static NpyArray Read(string vector, string part) =>
        NpyArray.Read(Path.Combine(AppContext.BaseDirectory, "assets", "crf", "filter", $"{vector}_{part}.npy.gz"));

    /// <summary>Compares with a tolerance of 2·10⁻⁵ times the largest output.</summary>
    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        float largest = 0;
        foreach (float value in expected)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        CrfAssert.Equal(expected, actual, 2e-5f * largest);
    }
}

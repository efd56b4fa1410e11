namespace DenseCrf.Tests.Reference;

public sealed class CrfReferenceTests
{
    public static TheoryData<string> Cases => [.. CrfCase.Names];

    [Theory, MemberData(nameof(Cases))]
    public void Run_Case_MatchesTheReferenceImplementation(string name)
    {
        CrfCase scene = new(name);
        CrfReference reference = new(scene.Energies, scene.Rgb, scene.Width, scene.Height, scene.Kernels);

        Assert.Equal(scene.Vertices, reference.Vertices);
        foreach (int iterations in scene.Iterations)
        {
            CrfAssert.Matches(scene, iterations, reference.Run(iterations));
        }
    }
}

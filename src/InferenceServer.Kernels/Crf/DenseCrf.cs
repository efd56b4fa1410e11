namespace InferenceServer.Kernels.Crf;

public static class DenseCrf
{
    public const int MaxLabels = 256;
    public const int MaxIterations = 50;
    public const int MaxKernels = 4;
    public const int MaxThreads = 64;
}

using System.Runtime.InteropServices;

namespace InferenceServer.Runtime.Buffers;

/// <summary>Makes glibc's heap give memory back that libvips and ONNX Runtime have freed.</summary>
/// <remarks>By itself it keeps a heap of 64 MB for each thread that ever allocated, and keeps blocks of up to 32 MB
/// once one of that size was freed: after an hour of images
/// of all sizes, a hundred megabytes of nothing. Other systems' heaps are left alone.</remarks>
internal static class NativeHeap
{
    private const int ArenaMax = -8;
    private const int MmapThreshold = -3;
    private const int Arenas = 2;
    private const int LargestKept = 256 * 1024;

    private delegate int Mallopt(int parameter, int value);

    /// <summary>Bounds what is kept; called before the native libraries are used.</summary>
    public static void Bound()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "mallopt", out nint address))
        {
            return;
        }

        Mallopt set = Marshal.GetDelegateForFunctionPointer<Mallopt>(address);
        set(ArenaMax, Arenas);
        set(MmapThreshold, LargestKept);
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace InferenceServer.Runtime.Buffers;

/// <summary>Arrays of more than 32 KB between two uses. The process keeps the ones that were used last, as long as
/// they are no more than <see cref="Limit"/> bytes in all.</summary>
/// <remarks>.NET's shared pool keeps arrays for each thread and size without a bound, rounds up to powers of two, and
/// takes nothing above a gigabyte; without a pool, a telephone's
/// image is 36 MB on the large object heap, of which the collector lets hundreds of megabytes pile up before it
/// looks.</remarks>
internal static class LargeArrayPool
{
    private const int SmallestBytes = 1 << 16;
    private const long LeastLimit = 32L << 20;
    private const long GreatestLimit = 128L << 20;
    private static readonly Lock Gate = new();
    // In the order of their return; some dozens.
    private static readonly List<(Array Array, long Bytes, int Round)> Kept = [];
    private static long _keptBytes;
    private static int _round;

    /// <summary>Most bytes that are kept: a sixteenth of what the process may have, between 32 and 128 MB.</summary>
    public static long Limit { get; } = Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 16, LeastLimit, GreatestLimit);

    /// <summary>Bytes that are kept at the moment.</summary>
    public static long KeptBytes => Volatile.Read(ref _keptBytes);

    /// <summary>Whether arrays of <paramref name="length"/> elements are this pool's; smaller ones are the shared
    /// pool's.</summary>
    /// <remarks>The shared pool rounds lengths up to powers of two: asked with the length that is wanted or with that
    /// of the array that came, the answer must be the same.</remarks>
    public static bool Takes<T>(int length)
        where T : unmanaged => (long)BitOperations.RoundUpToPowerOf2((uint)length) * Unsafe.SizeOf<T>() >= SmallestBytes;

    /// <summary>An array of at least <paramref name="length"/> elements, with whatever its last user left in it; at
    /// most half as many more, so that small requests leave the large arrays alone.</summary>
    public static T[] Rent<T>(int length)
        where T : unmanaged
    {
        lock (Gate)
        {
            for (int i = Kept.Count - 1; i >= 0; i--)
            {
                if (Kept[i].Array is T[] array && array.Length >= length && array.Length - length <= length / 2)
                {
                    Forget(i);
                    return array;
                }
            }
        }

        // Sizes that differ little share an array.
        int step = Math.Max((int)(BitOperations.RoundUpToPowerOf2((uint)length) / 16), 1);
        return GC.AllocateUninitializedArray<T>((int)Math.Min(((long)length + step - 1) / step * step, Array.MaxLength));
    }

    /// <summary>Keeps an array for the next user, in the place of those that lay longest.</summary>
    public static void Return<T>(T[] array)
        where T : unmanaged
    {
        long bytes = (long)array.Length * Unsafe.SizeOf<T>();
        if (bytes > Limit)
        {
            return;
        }

        lock (Gate)
        {
            Kept.Add((array, bytes, _round));
            _keptBytes += bytes;
            while (_keptBytes > Limit)
            {
                Forget(0);
            }
        }
    }

    /// <summary>Drops arrays that were not used since the last call.</summary>
    public static void Trim()
    {
        lock (Gate)
        {
            while (Kept.Count > 0 && Kept[0].Round < _round)
            {
                Forget(0);
            }

            _round++;
        }
    }

    private static void Forget(int index)
    {
        _keptBytes -= Kept[index].Bytes;
        Kept.RemoveAt(index);
    }
}

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

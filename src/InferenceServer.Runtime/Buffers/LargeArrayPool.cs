using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace InferenceServer.Runtime.Buffers;

/// <summary>A pool of arrays of more than 32 KB. The pool keeps the most recently used arrays, up to <see
/// cref="Limit"/> bytes in all, and gives the memory of the others back to the system at once.</summary>
/// <remarks>.NET's shared pool keeps arrays for each thread and size without a bound, rounds up to powers of two, and
/// keeps no array above a gigabyte. Without a pool, the image of a phone's camera takes 36 MB on the large object
/// heap, and the garbage collector lets hundreds of megabytes accumulate before a collection.</remarks>
internal static class LargeArrayPool
{
    private const int SmallestBytes = 1 << 16;
    private const long LeastLimit = 32L << 20;
    private const long GreatestLimit = 128L << 20;
    private static readonly Lock Gate = new();
    // In the order of their return; a few dozen arrays.
    private static readonly List<(Array Array, long Bytes, int Round)> Kept = [];
    private static long _keptBytes, _droppedBytes;
    private static int _round;

    /// <summary>Most bytes that the pool keeps: a sixteenth of the process's memory limit, between 32 and 128
    /// MB.</summary>
    public static long Limit { get; } = Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 16, LeastLimit, GreatestLimit);

    /// <summary>Bytes that the pool keeps now.</summary>
    public static long KeptBytes => Volatile.Read(ref _keptBytes);

    /// <summary>Whether arrays of <paramref name="length"/> elements belong to this pool; smaller arrays belong to the
    /// shared pool.</summary>
    /// <remarks>The shared pool rounds lengths up to powers of two, so the answer must be the same for the requested
    /// length and for the length of the rented array.</remarks>
    public static bool Takes<T>(int length)
        where T : unmanaged => (long)BitOperations.RoundUpToPowerOf2((uint)length) * Unsafe.SizeOf<T>() >= SmallestBytes;

    /// <summary>Rents an array of at least <paramref name="length"/> elements, with the contents of its last use. The
    /// array is at most half as long again, so that small requests do not take the large arrays.</summary>
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

        // Similar sizes share an array.
        int step = Math.Max((int)(BitOperations.RoundUpToPowerOf2((uint)length) / 16), 1);
        return GC.AllocateUninitializedArray<T>((int)Math.Min(((long)length + step - 1) / step * step, Array.MaxLength));
    }

    /// <summary>Returns an array to the pool; the pool drops the arrays that were unused for the longest
    /// time.</summary>
    public static void Return<T>(T[] array)
        where T : unmanaged
    {
        long bytes = (long)array.Length * Unsafe.SizeOf<T>();
        if (bytes > Limit)
        {
            Drop(array, bytes);
            return;
        }

        List<(Array Array, long Bytes, int Round)> unused = [];
        lock (Gate)
        {
            Kept.Add((array, bytes, _round));
            _keptBytes += bytes;
            while (_keptBytes > Limit)
            {
                unused.Add(Kept[0]);
                Forget(0);
            }
        }

        unused.ForEach(old => Drop(old.Array, old.Bytes));
    }

    /// <summary>Bytes of arrays that were dropped since the last call; the arrays wait for the garbage
    /// collector.</summary>
    public static long TakeDroppedBytes() => Interlocked.Exchange(ref _droppedBytes, 0);

    /// <summary>Drops arrays that were not used since the last call.</summary>
    public static void Trim()
    {
        List<(Array Array, long Bytes, int Round)> unused = [];
        lock (Gate)
        {
            while (Kept.Count > 0 && Kept[0].Round < _round)
            {
                unused.Add(Kept[0]);
                Forget(0);
            }

            _round++;
        }

        unused.ForEach(old => Drop(old.Array, old.Bytes));
    }

    private static void Drop(Array array, long bytes)
    {
        NativeHeap.GiveBack(array, bytes);
        Interlocked.Add(ref _droppedBytes, bytes);
    }

    private static void Forget(int index)
    {
        _keptBytes -= Kept[index].Bytes;
        Kept.RemoveAt(index);
    }
}

/// <summary>Gives memory back to the system: the heap of libvips and ONNX Runtime, and unused arrays. Linux
/// only; the heaps of other systems are left unchanged.</summary>
/// <remarks>By default, glibc keeps a heap of 64 MB for each thread that ever allocated. Two heaps serve as well. Blocks up to
/// 32 MB stay in them from image to image until <see cref="Trim"/>: fresh pages for each image take a quarter of the
/// processor time of a progressive JPEG.</remarks>
internal static class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;
    private const int ArenaMax = -8;
    private const int Arenas = 2;
    private const int LargestBlock = 32 << 20; // the most that glibc allows
    private const int LargestBlockOfLoads = 256 << 10;
    private const int MostFree = 256 << 20;
    private const int DontNeed = 4;
    private static readonly Lock Loads = new();
    private static int _loads;
    private static bool _isBound;
    private static readonly Lazy<Madvise?> Discard = new(static () => Find<Madvise>("madvise"));

    private delegate int Mallopt(int parameter, int value);

    private delegate int MallocTrim(nint pad);

    private delegate int Madvise(nint start, nint length, int advice);

    /// <summary>Sets the limits of glibc's heap; called before the first use of a native library.</summary>
    public static void Bound()
    {
        if (Find<Mallopt>("mallopt") is { } set)
        {
            set(ArenaMax, Arenas);
            set(MmapThreshold, LargestBlock);
            set(TrimThreshold, MostFree);
            _isBound = true;
        }
    }

    /// <summary>Lets blocks above 256 KB go back to the system when they are freed, until the result is disposed. A load needs
    /// them once, and what it leaves at the end of a heap would not go back later.</summary>
    public static IDisposable ReturnBlocksOfLoad()
    {
        Count(1);
        return new Load();
    }

    /// <summary>Gives the free memory of glibc's heap back.</summary>
    public static void Trim() => Find<MallocTrim>("malloc_trim")?.Invoke(0);

    /// <summary>Gives the memory of an array back, although the garbage collector has not seen yet that the array is unused:
    /// its pages become zero.</summary>
    /// <param name="array">An array of numbers that is not read again.</param>
    /// <param name="bytes">Its bytes.</param>
    public static void GiveBack(Array array, long bytes)
    {
        if (Discard.Value is not { } discard)
        {
            return;
        }

        GCHandle pin = GCHandle.Alloc(array, GCHandleType.Pinned);
        nint page = Environment.SystemPageSize, start = pin.AddrOfPinnedObject(), end = start + (nint)bytes;
        nint first = (start + page - 1) / page * page, last = end / page * page;
        if (first < last)
        {
            _ = discard(first, last - first, DontNeed); // a refusal leaves the pages to the garbage collector
        }

        pin.Free();
    }

    private static void Count(int change)
    {
        lock (Loads)
        {
            _loads += change;
            if (_isBound)
            {
                Find<Mallopt>("mallopt")?.Invoke(MmapThreshold, _loads > 0 ? LargestBlockOfLoads : LargestBlock);
            }
        }
    }

    private static T? Find<T>(string function)
        where T : Delegate
    {
        if (OperatingSystem.IsLinux() && NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), function, out nint address))
        {
            return Marshal.GetDelegateForFunctionPointer<T>(address);
        }

        return null;
    }

    private sealed class Load : IDisposable
    {
        public void Dispose() => Count(-1);
    }
}

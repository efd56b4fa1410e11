using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DenseCrf.Buffers;

/// <summary>
/// An array in native memory that grows and never shrinks. Its bytes count towards the limit of a workspace.
/// </summary>
/// <remarks>
/// Starts on a cache line, and lies in huge pages if it is large and the system has them. New memory is not
/// initialised.
/// </remarks>
internal sealed unsafe class NativeBuffer<T>(CrfWorkspace owner) : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64;
    private long _capacity;
    private long _bytes;

    public T* Pointer { get; private set; }

    /// <summary>
    /// Makes room for <paramref name="count"/> values. If the buffer must grow, it keeps its first
    /// <paramref name="keep"/> values.
    /// </summary>
    /// <exception cref="ArgumentException">The workspace would exceed its limit.</exception>
    public T* Ensure(long count, long keep = 0)
    {
        if (count > _capacity)
        {
            long bytes = ((count * sizeof(T)) + Alignment - 1) / Alignment * Alignment;
            owner.Charge(bytes);
            T* grown = (T*)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            HugePages.Advise(grown, bytes);
            if (keep > 0)
            {
                NativeMemory.Copy(Pointer, grown, (nuint)(keep * sizeof(T)));
            }

            Dispose();
            Pointer = grown;
            (_capacity, _bytes) = (bytes / sizeof(T), bytes);
        }

        return Pointer;
    }

    /// <summary>
    /// Makes room for <paramref name="count"/> values, and for half as many again if the buffer must grow, so that it
    /// seldom does.
    /// </summary>
    /// <exception cref="ArgumentException">The workspace would exceed its limit.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* Extend(long count, long keep)
    {
        if (count <= _capacity)
        {
            return Pointer;
        }

        return Ensure(count + (count / 2), keep);
    }

    public void Dispose()
    {
        if (Pointer is not null)
        {
            NativeMemory.AlignedFree(Pointer);
            owner.Charge(-_bytes);
            Pointer = null;
            (_capacity, _bytes) = (0, 0);
        }
    }
}

/// <summary>Asks Linux to back large buffers with pages of 2 MiB.</summary>
/// <remarks>
/// The lattice is read at scattered addresses within tens of megabytes. With pages of 4 KiB most of these reads also
/// miss the TLB. Buffers are not aligned to such a page: all of them would then map to the same sets of the caches,
/// which doubled the time of the blur.
/// </remarks>
internal static unsafe partial class HugePages
{
    /// <summary>
    /// Smallest buffer that is advised: it contains at least one whole huge page, at any start address.
    /// </summary>
    private const long MinBytes = 4 << 20;

    /// <summary>MADV_HUGEPAGE of sys/mman.h.</summary>
    private const int MadvHugePage = 14;

    /// <summary>
    /// Advises the system about a buffer. A system without huge pages returns an error, which is ignored.
    /// </summary>
    public static void Advise(void* start, long bytes)
    {
        if (bytes >= MinBytes && OperatingSystem.IsLinux())
        {
            long page = Environment.SystemPageSize;
            long first = ((long)start + page - 1) / page * page;
            _ = Madvise((void*)first, (nuint)((long)start + bytes - first), MadvHugePage);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Madvise(void* start, nuint length, int advice);
}

/// <summary>The unit in which the processor moves memory.</summary>
internal static unsafe class CacheLine
{
    /// <summary>Values in a cache line.</summary>
    public const int Floats = 16;

    /// <summary>The first start of a cache line at or after an address.</summary>
    public static float* Align(float* address) => (float*)(((nuint)address + 63) & ~(nuint)63);
}

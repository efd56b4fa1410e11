using System.Runtime.InteropServices;

namespace DenseCrf.Buffers;

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

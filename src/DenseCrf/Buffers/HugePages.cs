using System.Runtime.InteropServices;

namespace DenseCrf.Buffers;

/// <summary>Asks Linux for pages of 2 MiB. The lattice is walked by vertex numbers that jump about in tens of megabytes: with pages of 4 KiB most jumps also miss the table of addresses.</summary>
/// <remarks>Buffers are not moved to the start of such a page for it: all of them would then meet in the same sets of the caches, which doubled the time of the blur.</remarks>
internal static unsafe partial class HugePages
{
    private const long Worthwhile = 4 << 20; // holds at least one whole huge page, wherever it starts
    private const int MadvHugePage = 14; // of sys/mman.h

    /// <summary>A hint for a large buffer. A system that has no such pages, or none to spare, answers with an error that changes nothing.</summary>
    public static void Advise(void* start, long bytes)
    {
        if (bytes >= Worthwhile && OperatingSystem.IsLinux())
        {
            long page = Environment.SystemPageSize;
            long first = ((long)start + page - 1) / page * page;
            _ = Madvise((void*)first, (nuint)((long)start + bytes - first), MadvHugePage);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Madvise(void* start, nuint length, int advice);
}

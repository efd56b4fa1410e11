using System.Runtime.InteropServices;

namespace DenseCrf.Buffers;

/// <summary>An array outside the managed heap that grows and never shrinks, charged to a workspace.</summary>
/// <remarks>Starts on a cache line; a large one lies in huge pages where the system has these. Fresh contents are undefined.</remarks>
internal sealed unsafe class NativeBuffer<T>(CrfWorkspace owner) : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64;
    private long _capacity;
    private long _bytes;

    public T* Pointer { get; private set; }

    /// <summary>Makes room for <paramref name="count"/> values; when that takes new memory, the first <paramref name="keep"/> survive.</summary>
    /// <exception cref="ArgumentException">The workspace may not hold so much.</exception>
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

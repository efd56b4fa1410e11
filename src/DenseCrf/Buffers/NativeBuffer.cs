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

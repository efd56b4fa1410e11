using System.Runtime.InteropServices;

namespace DenseCrf.Threading;

/// <summary>Gives out the items of a lane, each once. Fills two cache lines, which no other lane's ticket shares.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct CrfTicket
{
    /// <summary>The phase in the upper half, the next item in the lower.</summary>
    [FieldOffset(0)]
    public long Value;

    /// <summary>Takes the next item, unless the phase is over or all items are taken.</summary>
    public bool TryTake(int phase, int items, out int item)
    {
        while (true)
        {
            long value = Volatile.Read(ref Value);
            item = (int)value;
            if (value >> 32 != phase || item >= items)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref Value, value + 1, value) == value)
            {
                return true;
            }
        }
    }
}

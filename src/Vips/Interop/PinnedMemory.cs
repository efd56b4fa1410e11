using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vips.Interop;

/// <summary>Managed memory that native code reads: pinned until the object it is tied to goes, whoever holds the last reference.</summary>
internal sealed unsafe class PinnedMemory : IDisposable
{
    private MemoryHandle _pin;
    private bool _tied;

    public PinnedMemory(ReadOnlyMemory<byte> memory)
    {
        _pin = memory.Pin();
    }

    public void* Pointer => _pin.Pointer;

    /// <summary>
    /// Hands the pin over to a GObject that reads the memory. libvips keeps that object as long as any image derived from it can ask for
    /// pixels, so its end is exactly when the memory may move again.
    /// </summary>
    public void TieTo(SafeHandle instance)
    {
        nint self = GCHandle.ToIntPtr(GCHandle.Alloc(this));
        _tied = true;
        NativeMethods.SetData(instance, "vips-net-pin", self, &Release);
    }

    /// <summary>Unpins, unless the pin was handed over.</summary>
    public void Dispose()
    {
        if (!_tied)
        {
            _pin.Dispose();
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Release(nint self)
    {
        GCHandle keeper = GCHandle.FromIntPtr(self);
        ((PinnedMemory)keeper.Target!)._pin.Dispose();
        keeper.Free();
    }
}

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Packs numbers of any width into bytes, the highest bit first.</summary>
internal sealed class BitWriter
{
    private const int ByteBits = 8;
    private readonly List<byte> _bytes = [];
    private ulong _pending;
    private int _count;

    public void Write(uint value, int bits)
    {
        _pending = (_pending << bits) | value;
        for (_count += bits; _count >= ByteBits;)
        {
            _count -= ByteBits;
            _bytes.Add((byte)(_pending >> _count));
        }
    }

    /// <summary>All bytes, the last filled up with zeros; a whole byte of them where it was full, as Label Studio has it.</summary>
    public byte[] Finish()
    {
        Write(0, ByteBits - _count);
        return [.. _bytes];
    }
}

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Label Studio's run-length encoding of a mask, as packed bits of RGBA bytes that are all 0 or all
/// 255.</summary>
/// <remarks>The format of label-studio-sdk's <c>converter/brush.py</c> and thi.ng's <c>rle-pack</c>: the number of
/// bytes in 32 bits; the word size less one (7) in 5 bits; the four sizes of lengths less one in 4 bits each; then for
/// each run a bit for repetition, 2 bits for the size of its length, the length less one, and the byte. The end is
/// filled with 1 to 8 zero bits.</remarks>
internal static class BrushRle
{
    private const int Channels = 4;
    private const int WordBits = 8;
    private const int LongestRun = 1 << 16;
    private static readonly int[] LengthBits = [3, 4, 8, 16];

    /// <summary>Encodes the pixels of one label.</summary>
    /// <param name="labels">HW, at least one pixel.</param>
    /// <param name="label">The label.</param>
    public static byte[] Encode(ReadOnlySpan<byte> labels, byte label)
    {
        BitWriter bits = new();
        bits.Write((uint)checked(labels.Length * Channels), 32);
        bits.Write(WordBits - 1, 5);
        foreach (int length in LengthBits)
        {
            bits.Write((uint)length - 1, 4);
        }

        for (int at = 0; at < labels.Length;)
        {
            bool isIn = labels[at] == label;
            int run = isIn ? labels[at..].IndexOfAnyExcept(label) : labels[at..].IndexOf(label);
            run = run < 0 ? labels.Length - at : run;
            WriteRun(bits, (long)run * Channels, isIn ? byte.MaxValue : (byte)0);
            at += run;
        }

        return bits.Finish();
    }

    // A run has at least four bytes, so every run is written as a repetition.
    private static void WriteRun(BitWriter bits, long length, byte value)
    {
        for (; length > 0; length -= LongestRun)
        {
            int part = (int)Math.Min(length, LongestRun), size = 0;
            while (part > 1 << LengthBits[size])
            {
                size++;
            }

            bits.Write(1, 1);
            bits.Write((uint)size, 2);
            bits.Write((uint)part - 1, LengthBits[size]);
            bits.Write(value, WordBits);
        }
    }
}

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

    /// <summary>Returns all bytes. The last byte is filled with zero bits; a complete last byte is followed by a zero
    /// byte, as in Label Studio.</summary>
    public byte[] Finish()
    {
        Write(0, ByteBits - _count);
        return [.. _bytes];
    }
}

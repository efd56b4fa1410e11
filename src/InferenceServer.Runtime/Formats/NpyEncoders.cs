using System.Buffers;
using System.Runtime.InteropServices;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Runtime.Formats;

/// <summary>Class indices as a NumPy array, HW, uint8 or uint16; where classes overlap the pixels of each, CHW,
/// uint8.</summary>
internal sealed class NpyLabelsEncoder : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options)
    {
        long values = mask.LabelBytes * mask.Pixels;
        if (mask.Overlaps)
        {
            values = mask.Classes * mask.Pixels;
        }

        return new EncodingBytes(0, values + NpyHeader.MostBytes, IsWhole: true);
    }

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        if (!content.Claims.IsEmpty)
        {
            output.Write(new NpyHeader("|u1", FortranOrder: false, [content.Channels, content.Size.Height, content.Size.Width]).ToBytes());
            RawEncoder.Write(content.Claims.Span, output);
            return;
        }

        string type = "|u1";
        if (!content.WideLabels.IsEmpty)
        {
            type = "<u2";
        }

        output.Write(new NpyHeader(type, FortranOrder: false, [content.Size.Height, content.Size.Width]).ToBytes());
        RawEncoder.Write(content, output);
    }
}

/// <summary>The network's probability of every class at every pixel as a NumPy array, CHW, float32.</summary>
internal sealed class NpyProbabilitiesEncoder : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        new(0, (mask.Classes * mask.Pixels * sizeof(float)) + NpyHeader.MostBytes, IsWhole: true);

    // The values of the file are those in memory: an answer need not be held twice.
    public bool HandsOver => BitConverter.IsLittleEndian;

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        IReadOnlyList<int> shape = [content.Channels, content.Size.Height, content.Size.Width];
        if (content.IsForegroundOnly)
        {
            NpyFloats.Write(new BufferWriterStream(output), content.Plane(1), [1, .. shape.Skip(1)]);
            return;
        }

        if (output is PooledBufferWriter { TakesTail: true } answer && content.TakeProbabilities is { } take && HandsOver)
        {
            answer.Write(new NpyHeader(NpyFloats.Type, FortranOrder: false, shape).ToBytes());
            answer.Tail = new PooledBytes<float>(take());
            return;
        }

        ReadOnlyMemory<float> probabilities = content.Probabilities;
        output.GetSpan(checked((probabilities.Length * sizeof(float)) + NpyHeader.MostBytes)); // one request for the whole array
        NpyFloats.Write(new BufferWriterStream(output), probabilities.Span, shape);
    }
}

/// <summary>Class indices row by row, without a header: bytes, or 16-bit little-endian numbers.</summary>
internal sealed class RawEncoder : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        new(0, mask.LabelBytes * mask.Pixels, IsWhole: true);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output) => Write(content, output);

    /// <summary>Writes the class index of each pixel.</summary>
    public static void Write(MaskContent content, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> labels = content.Labels.Span;
        if (!content.WideLabels.IsEmpty)
        {
            labels = MemoryMarshal.AsBytes(content.WideLabels.Span);
        }

        Write(labels, output);
    }

    /// <summary>Writes bytes.</summary>
    public static void Write(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        bytes.CopyTo(output.GetSpan(bytes.Length)); // one request: the writer alone would grow the buffer in steps
        output.Advance(bytes.Length);
    }
}

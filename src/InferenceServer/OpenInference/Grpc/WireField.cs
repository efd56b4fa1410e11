using Google.Protobuf;
using InferenceServer.Runtime;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>A field of a message on the wire, before a parser makes an object of it.</summary>
/// <param name="Tag">Number and wire type of the field.</param>
/// <param name="Whole">All bytes of the field, including the tag.</param>
/// <param name="Value">The bytes after tag and length; empty for a varint.</param>
internal readonly record struct WireField(uint Tag, ReadOnlyMemory<byte> Whole, ReadOnlyMemory<byte> Value)
{
    private const int TypeBits = 3;
    private const int TypeMask = (1 << TypeBits) - 1;
    private const int VarintBits = 7;
    private const int LongestVarint = 10;

    /// <summary>The tag of a length-delimited field: text, bytes, a message, or packed numbers.</summary>
    public static uint Sized(int number) => ((uint)number << TypeBits) | (uint)WireFormat.WireType.LengthDelimited;

    /// <summary>Reads the next field of a message.</summary>
    /// <exception cref="SegmentationException">The message ends within the field, or is malformed.</exception>
    public static IEnumerable<WireField> Of(ReadOnlyMemory<byte> message)
    {
        for (int at = 0; at < message.Length;)
        {
            int start = at;
            uint tag = (uint)Varint(message.Span, ref at);
            int value = at;
            long length = (WireFormat.WireType)(tag & TypeMask) switch
            {
                WireFormat.WireType.Varint => SkipVarint(message.Span, ref value),
                WireFormat.WireType.Fixed64 => sizeof(ulong),
                WireFormat.WireType.Fixed32 => sizeof(uint),
                WireFormat.WireType.LengthDelimited => (long)Math.Min(Varint(message.Span, ref value), int.MaxValue),
                _ => throw Broken(), // groups, which this protocol does not use
            };
            if (length > message.Length - value)
            {
                throw Broken();
            }

            at = value + (int)length;
            yield return new WireField(tag, message[start..at], message[value..at]);
        }
    }

    private static long SkipVarint(ReadOnlySpan<byte> message, ref int at)
    {
        Varint(message, ref at);
        return 0;
    }

    private static ulong Varint(ReadOnlySpan<byte> message, ref int at)
    {
        ulong value = 0;
        for (int i = 0; i < LongestVarint && at < message.Length; i++)
        {
            byte next = message[at++];
            value |= (ulong)(next & ((1 << VarintBits) - 1)) << (i * VarintBits);
            if (next >> VarintBits == 0)
            {
                return value;
            }
        }

        throw Broken();
    }

    private static SegmentationException Broken() =>
        new(
            SegmentationError.InvalidRequest,
            "The message cannot be parsed as the request of this method: a field is malformed.");
}

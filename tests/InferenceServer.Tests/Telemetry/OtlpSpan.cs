using System.Text;

namespace InferenceServer.Tests.Telemetry;

/// <summary>What the tests want of a span in OTLP's protobuf.</summary>
internal sealed record OtlpSpan(string TraceId, string Id, string ParentId, string Name)
{
    /// <summary>The spans of an ExportTraceServiceRequest: resource_spans (1), scope_spans (2), spans (2).</summary>
    public static IEnumerable<OtlpSpan> Parse(byte[] request) =>
        from resource in Fields(request) where resource.Number == 1
        from scope in Fields(resource.Value) where scope.Number == 2
        from span in Fields(scope.Value) where span.Number == 2
        select Read(Fields(span.Value).ToLookup(f => f.Number, f => f.Value));

    /// <summary>The names of an ExportMetricsServiceRequest's metrics: resource_metrics (1), scope_metrics (2),
    /// metrics (2), name (1).</summary>
    public static IEnumerable<string> MetricNames(byte[] request) =>
        from resource in Fields(request) where resource.Number == 1
        from scope in Fields(resource.Value) where scope.Number == 2
        from metric in Fields(scope.Value) where metric.Number == 2
        from name in Fields(metric.Value) where name.Number == 1
        select Encoding.UTF8.GetString(name.Value);

    private static OtlpSpan Read(ILookup<int, byte[]> fields) =>
        new(Hex(fields[1]), Hex(fields[2]), Hex(fields[4]), Encoding.UTF8.GetString(fields[5].Single()));

    private static string Hex(IEnumerable<byte[]> field) => Convert.ToHexStringLower(field.SingleOrDefault([]));

    private static IEnumerable<(int Number, byte[] Value)> Fields(byte[] message)
    {
        for (int i = 0; i < message.Length;)
        {
            ulong tag = Varint(message, ref i);
            int length = (tag & 7) switch
            {
                0 => 0,
                1 => 8,
                2 => (int)Varint(message, ref i),
                5 => 4,
                _ => throw new InvalidDataException($"Wire type {tag & 7}"),
            };
            if ((tag & 7) == 0)
            {
                Varint(message, ref i);
            }

            yield return ((int)(tag >> 3), message[i..(i + length)]);
            i += length;
        }
    }

    private static ulong Varint(byte[] message, ref int i)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = message[i++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}

using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.AspNetCore.TestHost;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Mutated messages of the Open Inference Protocol over gRPC: fields, lengths, tensors, and the frame round them.</summary>
internal sealed class GrpcCase(FuzzTarget target) : IFuzzCase
{
    private const string Service = "inference.GRPCInferenceService/";
    private const int FrameHeader = 5;
    private const int LengthDelimited = 2;
    private const int Unknown = 2, Internal = 13;

    private static readonly string[] Others =
    [
        Service + "ModelReady", Service + "ModelMetadata", Service + "ModelConfig", Service + "ModelStatistics",
        Service + "RepositoryIndex", Service + "RepositoryModelLoad", Service + "ServerMetadata",
        Service + "ModelStreamInfer", "grpc.health.v1.Health/Check"
    ];
    private static readonly string[] Timeouts = ["", "", "", "1S", "50m", "1n", "99999999H", "123456789S", "x"];
    private static readonly byte[] Floats = MemoryMarshal.AsBytes<float>(Enumerable.Repeat(0.5f, 3 * 8 * 8).ToArray()).ToArray();

    // Numbers of the fields: a request has the model 1, parameters 4, inputs 5, outputs 6, raw tensors 7; an input
    // name 1, datatype 2, shape 3, parameters 4, contents 5; contents floats 6, bytes 8.
    private static readonly byte[][] Messages =
    [
        [.. Model("tiny"), .. Field(5, Input("input", "FP32", [1, 3, 8, 8])), .. Field(7, Floats)],
        [
            .. Model("tiny"), .. Field(5, Input("input", "FP32", [1, 3, 8, 8]), Field(5, Field(6, Floats))),
            .. Field(6, Field(1, "logits"u8.ToArray()))
        ],
        [
            .. Model("tiny"), .. Field(4, Parameter("timeout", [0x10, 0x64])),
            .. Field(5, Input("input", "FP32", [2, 3, 8, 8])), .. Field(7, [.. Floats, .. Floats])
        ],
        [.. Model("tiny.image"), .. Field(3, "42"u8.ToArray()), .. Field(5, Input("image", "BYTES", [1])), .. Field(7, Seeds.Png)],
        [
            .. Model("tiny.image"), .. Field(5, Input("image", "BYTES", [1]), Field(5, Field(8, Seeds.Png))),
            .. Field(4, Parameter("flip", [0x08, 0x01]))
        ],
        [.. Model("tiny-labels"), .. Field(5, Input("input", "BYTES", [1]), Field(5, Field(8, Seeds.Png)))],
    ];

    public string Kind => "grpc";

    public async Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        bool infers = random.Next(4) > 0;
        byte[] message = infers ? random.Pick(Messages) : Model("tiny");
        message = random.Next(4) > 0 ? Mutator.Mutate(random, message, random.Pick(Messages), mostSteps: 4) : message;
        byte[] frame = new byte[FrameHeader + message.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, FrameHeader);
        bool streams = infers && random.Next(3) == 0;
        frame = streams ? [.. Enumerable.Repeat(frame, random.Next(1, 4)).SelectMany(f => f)] : frame;
        frame = random.Next(8) > 0 ? frame : Mutator.Mutate(random, frame, message, mostSteps: 2);

        string inference = Service + (streams ? "ModelStreamInfer" : "ModelInfer");
        string method = infers ? inference : random.Pick(Others), timeout = random.Pick(Timeouts);
        string type = random.Next(12) > 0 ? "application/grpc" : random.Next(2) > 0 ? "application/grpc+proto" : "application/json";
        using HttpRequestMessage request = new(HttpMethod.Post, "/" + method)
        {
            Version = HttpVersion.Version20,
            Content = new ByteArrayContent(frame),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        if (timeout.Length > 0)
        {
            request.Headers.TryAddWithoutValidation("grpc-timeout", timeout);
        }

        if (random.Next(10) == 0)
        {
            request.Headers.TryAddWithoutValidation("x-api-key", FuzzTarget.Key);
        }

        made([.. Encoding.UTF8.GetBytes($"{method}\ncontent-type: {type}\ngrpc-timeout: {timeout}\n\n"), .. frame]);
        try
        {
            using HttpResponseMessage response = await target.Client.SendAsync(request);
            return type == "application/json"
                ? await Answers.JudgeAsync(response)
                : await JudgeAsync(response, method.StartsWith(Service, StringComparison.Ordinal));
        }
        catch (HttpResetTestException)
        {
            // So a call of the framework's own services ends at its deadline.
            return new FuzzOutcome("reset", null);
        }
    }

    // The framework's own services call a message that is none INTERNAL or UNKNOWN.
    private static async Task<FuzzOutcome> JudgeAsync(HttpResponseMessage response, bool isOurs)
    {
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        if (response.StatusCode != HttpStatusCode.OK
            || (Value(response.TrailingHeaders, "grpc-status") ?? Value(response.Headers, "grpc-status")) is not
            {
            } status)
        {
            return new FuzzOutcome(
                $"{(int)response.StatusCode}",
                $"{(int)response.StatusCode} without a status: {Encoding.UTF8.GetString(body)}");
        }

        int code = int.Parse(status, CultureInfo.InvariantCulture);
        string? finding = (isOurs && code is Unknown or Internal) || (code == 0 && body.Length is > 0 and < FrameHeader)
            ? $"grpc-status {code}: {Value(response.Headers, "grpc-message") ?? Value(response.TrailingHeaders, "grpc-message")}"
            : null;
        return new FuzzOutcome($"grpc-status {code}", finding);
    }

    private static string? Value(HttpHeaders headers, string name) =>
        headers.TryGetValues(name, out IEnumerable<string>? values) ? values.Single() : null;

    private static byte[] Model(string name) => Field(1, Encoding.UTF8.GetBytes(name));

    private static byte[] Input(string name, string datatype, byte[] shape) =>
        [
            .. Field(1, Encoding.UTF8.GetBytes(name)), .. Field(2, Encoding.UTF8.GetBytes(datatype)),
            .. Field(3, shape)
        ];

    private static byte[] Parameter(string name, byte[] value) => [.. Field(1, Encoding.UTF8.GetBytes(name)), .. Field(2, value)];

    private static byte[] Field(int number, params byte[][] parts)
    {
        byte[] value = [.. parts.SelectMany(p => p)];
        List<byte> field = [(byte)((number << 3) | LengthDelimited)];
        for (int length = value.Length; ; length >>= 7)
        {
            field.Add((byte)(length > 0x7F ? length | 0x80 : length));
            if (length <= 0x7F)
            {
                return [.. field, .. value];
            }
        }
    }
}

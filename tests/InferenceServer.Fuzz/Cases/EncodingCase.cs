using System.IO.Compression;
using System.Text;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Compressed bodies, mutated before or after compression, under right and wrong encodings.</summary>
internal sealed class EncodingCase(FuzzTarget target) : IFuzzCase
{
    private static readonly string Image = Convert.ToBase64String(Seeds.Png);

    private static readonly byte[] Form =
    [
        .. "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n"u8, .. Seeds.Png, .. "\r\n--xyz--\r\n"u8,
    ];

    private static readonly (string Route, string Type, byte[] Body)[] Bodies =
    [
        ("/v1/segment/tiny?format=raw", "image/png", Seeds.Png),
        ("/v1/segment/tiny?format=raw", "application/json", Encoding.ASCII.GetBytes($$"""{"image": "{{Image}}"}""")),
        ("/v1/segment:batch?format=raw", "multipart/form-data; boundary=xyz", Form),
        ("/huggingface/tiny", "application/json", Encoding.ASCII.GetBytes($$"""{"inputs": "{{Image}}"}""")),
        ("/api/remove?model=tiny-binary", "multipart/form-data; boundary=xyz", Form),
        ("/api/function_invocations", "application/json", Encoding.ASCII.GetBytes($$"""{"image": "{{Image}}"}""")),
        ("/x-anylabeling/v1/predict", "application/json", Encoding.ASCII.GetBytes($$"""{"model": "tiny", "image": "{{Image}}"}""")),
        ("/v2/models/tiny.image/infer", "application/octet-stream", Seeds.Png),
        ("/v2/repository/index", "application/json", "{\"ready\": true}"u8.ToArray()),
    ];

    private static readonly string[] Encodings = ["gzip", "deflate", "br"];
    private static readonly string[] Odd = ["identity", "x-gzip", "zstd", "gzip, br", "GZIP", ",", "gzip;q=1", "br,br,br"];

    public string Kind => "encoding";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        (string route, string type, byte[] body) = random.Pick(Bodies);
        string encoding = random.Pick(Encodings);
        body = random.Next(3) switch
        {
            0 => Mutator.Mutate(random, body, Seeds.Png, mostSteps: 2),
            1 => [.. body, .. new byte[random.Next(1 << random.Next(1, 23))]], // a bomb among them
            _ => body,
        };
        byte[] packed = Pack(body, encoding);
        packed = random.Next(3) > 0 ? Mutator.Mutate(random, packed, packed, mostSteps: 2) : packed;
        string named = random.Next(10) == 0 ? random.Pick(Odd) : encoding;
        made([.. Encoding.UTF8.GetBytes($"{route}\n{type}\n{named}\n"), .. packed]);
        HttpRequestMessage request = new(HttpMethod.Post, route) { Content = new ByteArrayContent(packed) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", named);
        request.Headers.TryAddWithoutValidation("x-nuclio-function-name", "tiny");
        request.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", "0");
        return Answers.SendAsync(target, request);
    }

    private static byte[] Pack(byte[] body, string encoding)
    {
        using MemoryStream packed = new();
        using (Stream stream = encoding switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            "deflate" => new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            _ => new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true),
        })
        {
            stream.Write(body);
        }

        return packed.ToArray();
    }
}

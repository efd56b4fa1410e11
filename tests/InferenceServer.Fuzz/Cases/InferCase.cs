using System.IO.Compression;
using System.Text;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Mutated bodies of the Open Inference Protocol: JSON, lengths, tensors and compression, to both forms of a model.</summary>
internal sealed class InferCase(FuzzTarget target) : IFuzzCase
{
    private const string HeaderLength = "Inference-Header-Content-Length";

    private static readonly string[] Routes =
        [
            "/v2/models/tiny/infer", "/v2/models/tiny.image/infer", "/v2/models/tiny-fixed/infer",
            "/v2/models/tiny-labels/versions/1/infer", "/v2/models/tiny-labels.image/infer", "/v2/repository/index",
            "/v2/repository/models/tiny/load"
        ];

    // Each with the first of the routes that it makes sense for.
    private static readonly (int Route, string Text)[] Texts =
    [
        (
            0,
            """{"id": "1", "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8], "parameters": """ +
            """{"binary_data_size": 768}}], "outputs": [{"name": "logits", "parameters": {"binary_data": true}}]}"""),
        (
            0,
            """{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8]}], "parameters": """ +
            """{"timeout": 100000, "priority": 2}}"""),
        (
            1,
            """{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]}], "parameters": """ +
            """{"refine": "crf", "crf.iterations": 1, "flip": true, "scales": "0.5,1"}}"""),
        (0, """{"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 90}}]}"""),
        (
            0,
            """{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8], "data": [[[[0.5, 1e-3, """ +
            """-2]]]]}], "outputs": [{"name": "logits", "parameters": {"classification": 1}}]}"""),
        (1, """{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["iVBORw0KGgo="]}]}"""),
    ];

    private static readonly string[] Lengths = ["", "0", "-1", "1", "2147483647", "2147483648", "x"];

    private static readonly string[] Encodings = ["gzip", "deflate", "br"];

    private static readonly byte[] Tensor = new byte[768];

    public string Kind => "infer";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        (int usual, string json) = random.Pick(Texts);
        byte[] text = Encoding.UTF8.GetBytes(json);
        text = random.Next(2) > 0 ? Mutator.Mutate(random, text, Encoding.UTF8.GetBytes(random.Pick(Texts).Text), mostSteps: 3) : text;
        byte[] tensor = random.Next(3) == 0
            ? Mutator.Mutate(random, random.Pick(Seeds.Images), Tensor)
            : usual == 0
            ? Tensor
            : random.Pick(Seeds.Images);
        byte[] body = [.. text, .. tensor];
        string length = random.Next(4) > 0 ? $"{text.Length}" : random.Pick(Lengths);
        string encoding = random.Next(6) > 0 ? "" : random.Pick(Encodings);
        body = encoding.Length > 0 ? Compress(random, body, encoding) : body;

        string route = random.Next(4) > 0 ? Routes[usual] : random.Pick(Routes);
        HttpRequestMessage request = new(HttpMethod.Post, route) { Content = new ByteArrayContent(body) };
        if (random.Next(10) == 0)
        {
            request.Headers.TryAddWithoutValidation("X-API-Key", FuzzTarget.Key);
        }

        if (random.Next(6) == 0)
        {
            request.Headers.TryAddWithoutValidation("Accept-Encoding", random.Pick(Encodings));
        }

        if (length.Length > 0)
        {
            request.Headers.TryAddWithoutValidation(HeaderLength, length);
        }

        if (encoding.Length > 0)
        {
            request.Content.Headers.ContentEncoding.Add(encoding);
        }

        made([.. Encoding.UTF8.GetBytes($"{route}\n{HeaderLength}: {length}\nContent-Encoding: {encoding}\n\n"), .. body]);
        return Answers.SendAsync(target, request);
    }

    // Now and then what comes out is no stream any more.
    private static byte[] Compress(Random random, byte[] body, string encoding)
    {
        using MemoryStream compressed = new();
        using (Stream stream = encoding switch
        {
            "gzip" => new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true),
            "deflate" => new ZLibStream(compressed, CompressionLevel.Fastest, leaveOpen: true),
            _ => new BrotliStream(compressed, CompressionLevel.Fastest, leaveOpen: true),
        })
        {
            stream.Write(body);
        }

        return random.Next(2) > 0 ? compressed.ToArray() : Mutator.Mutate(random, compressed.ToArray(), body, mostSteps: 2);
    }
}

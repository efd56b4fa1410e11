using System.Net;
using System.Net.Sockets;
using System.Text;
using InferenceServer.OpenInference;

namespace InferenceServer.Tests.OpenInference;

/// <summary>What is wrong with a request, said in a sentence.</summary>
[Collection(SharedServer.Name)]
public sealed class InferErrorTests(SegmentationServer server)
{
    private const string Route = "/v2/models/tiny/infer";
    private const string Tensor =
        """{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8], "parameters": {"binary_data_size": 768}}""";

    [Theory]
    [InlineData("", "JSON")]
    [InlineData("null", "object")]
    [InlineData("{", "JSON")]
    [InlineData("{} {}", "JSON")]
    [InlineData("[1]", "object")]
    [InlineData("{}", "one input")]
    [InlineData("""{"inputs": {}}""", "inputs")]
    [InlineData("""{"inputs": [1]}""", "tensor")]
    [InlineData("""{"inputs": [{"name": 1}]}""", "name")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": ["x"], "data": []}]}""", "shape")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8]}]}""", "binary_data_size")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8], "data": ["x"]}]}""", "numbers")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP16", "shape": [1, 3, 8, 8], "data": [1]}]}""", "FP32")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "data": ["*"]}]}""", "base64")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8], "data": [1, 2]}]}""", "768")]
    [InlineData("""{"inputs": [{"name": "other", "datatype": "FP32", "shape": [1, 3, 8, 8], "data": [1, 2]}]}""", "'input'")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 9, 8], "data": [1]}]}""", "multiples of 4")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4, 8, 8], "data": [1]}]}""", "N×3×H×W")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [9, 3, 8, 8], "data": [1]}]}""", "1 to 8")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 3, 8, 8], "data": [1]}]}""", "N×3×H×W")]
    [InlineData("""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 2147483644, 2147483644], "data": [1]}]}""", "pixels")]
    [InlineData(
        """{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8], "data": []}], "outputs": """ +
        """[{"name": "mask"}]}""",
        "'logits'")]
    [InlineData("""{"parameters": {"timeout": -1}, "inputs": []}""", "timeout")]
    [InlineData("""{"parameters": {"binary_data_output": 1}, "inputs": []}""", "binary_data_output")]
    [InlineData("""{"inputs": [], "outputs": [{"name": "logits", "parameters": {"binary_data": 1}}]}""", "binary_data")]
    public async Task Infer_MalformedJson_Answers400AndSaysWhat(string json, string word)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(json));

        Assert.Contains(word, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    public static TheoryData<string, string> TooMuch => new()
    {
        { $$"""{"inputs": [{{string.Join(',', Enumerable.Repeat("{}", 17))}}]}""", "inputs" },
        { $$"""{"outputs": [{{string.Join(',', Enumerable.Repeat("{}", 17))}}]}""", "outputs" },
        { $$"""{"inputs": [{"shape": [{{string.Join(',', Enumerable.Repeat("1", 9))}}]}]}""", "shape" },
        { $$"""{"parameters": { {{string.Join(',', Enumerable.Range(0, 65).Select(i => $"\"{i}\": 1"))}} } }""", "parameters" },
        {
            $$"""{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": """ +
            $$"""[{{string.Join(',', Enumerable.Repeat("\"\"", 1025))}}]}]}""",
            "elements"
        },
        { $$"""{"id": "{{new string('a', 1025)}}"}""", "1,025" },
        { $$"""{"{{new string('a', 1025)}}": 1}""", "1,025" },
    };

    [Theory]
    [MemberData(nameof(TooMuch))]
    public async Task Infer_MadeOfMoreThanIsCounted_Answers400(string json, string word)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(json));

        Assert.Contains(word, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Infer_MoreElementsInBytesThanAreCounted_Answers400()
    {
        const string Images =
            """{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": """ +
            """{"binary_data_size": 4100}}]}""";

        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(Images, new byte[4100]));

        Assert.Contains("elements", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-1", "one number")]
    [InlineData("x", "one number")]
    [InlineData("100000", "100000")]
    public async Task Infer_WrongHeaderLength_Answers400(string length, string word)
    {
        using ByteArrayContent content = new("{}"u8.ToArray());
        content.Headers.Add(InferCall.HeaderLength, length);

        using HttpResponseMessage response = await server.Client.PostAsync(Route, content);

        Assert.Contains(word, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(767, "768")]
    [InlineData(769, "1 bytes more")]
    public async Task Infer_BytesThatDoNotFit_Answers400(int bytes, string word)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            Route, InferCall.Content($$"""{"inputs": [{{Tensor}}]}""", new byte[bytes]));

        Assert.Contains(word, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"parameters": {"sequence_id": 5}, "inputs": []}""", "sequence")]
    [InlineData(
        """{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1], "data": [], "parameters": """ +
        """{"shared_memory_region": "x"}}]}""",
        "shared_memory")]
    [InlineData("""{"inputs": [], "outputs": [{"name": "logits", "parameters": {"classification": 3}}]}""", "classification")]
    public async Task Infer_ExtensionThatIsNotThere_Answers501(string json, string extension)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(json));

        Assert.Contains(extension, await ProblemAssert.IsAsync(HttpStatusCode.NotImplemented, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Infer_OutputThatJsonCannotSay_Answers400AndIsThereAsBytes()
    {
        float[] values = new float[3 * 8 * 8];
        Array.Fill(values, float.NaN);

        using HttpResponseMessage text = await server.Client.PostAsync(
            Route, InferCall.Content($$"""{"inputs": [{{Tensor}}]}""", InferCall.Bytes(values)));
        using HttpResponseMessage bytes = await server.Client.PostAsync(
            Route,
            InferCall.Content(
                $$"""{"inputs": [{{Tensor}}], "parameters": {"binary_data_output": true} }""",
                InferCall.Bytes(values)));

        Assert.Contains("binary_data", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, text), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, bytes.StatusCode);
    }

    [Fact]
    public async Task Infer_UnknownModel_Answers404()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v2/models/absent.image/infer", InferCall.Raw(Photo.Png));

        await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response);
    }

    [Theory]
    [InlineData("zstd", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("gzip", HttpStatusCode.BadRequest)]
    [InlineData("br", HttpStatusCode.BadRequest)]
    [InlineData("deflate", HttpStatusCode.BadRequest)]
    public async Task Infer_EncodingUnknownOrBroken_IsTheCallersFault(string encoding, HttpStatusCode status)
    {
        using ByteArrayContent content = new(Encoding.UTF8.GetBytes("not compressed at all"));
        content.Headers.ContentEncoding.Add(encoding);

        using HttpResponseMessage response = await server.Client.PostAsync(Route, content);

        await ProblemAssert.IsAsync(status, response);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Infer_MoreBytesThanAllowed_Answers413AlsoWhenTheyWereCompressed(bool compressed)
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("OpenInference:MaxMessageBytes", "4096"));
        HttpContent content = InferCall.Content($$"""{"inputs": [{{Tensor}}]}""", new byte[100_000]);

        using HttpResponseMessage response = await small.Client.PostAsync(
            Route, compressed ? await InferCall.CompressedAsync(content, "gzip") : content);

        await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, response);
        Assert.Equal(0, small.InFlight.Bytes);
    }

    [Fact]
    public void Read_ManyNumbersForNobody_StopsAmongThem()
    {
        byte[] json = Encoding.UTF8.GetBytes(
            $$"""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1], "data": """ +
            $$"""[{{string.Join(',', Enumerable.Repeat('1', 100_000))}}]}]}""");

        Assert.Throws<OperationCanceledException>(() => InferRequestReader.Read(json, null, new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task Infer_LengthBeyondTheLimit_Answers413BeforeABodyComes()
    {
        using TcpClient client = new();
        await client.ConnectAsync(server.Client.BaseAddress!.Host, server.Client.BaseAddress.Port);
        await client.GetStream()
            .WriteAsync(Encoding.ASCII.GetBytes($"POST {Route} HTTP/1.1\r\nHost: test\r\nContent-Length: " +
                "10000000000\r\n\r\n"));

        using StreamReader reader = new(client.GetStream());

        Assert.Contains(" 413 ", await reader.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Infer_LargerThanAllThatMayBeHeld_IsServedWhenAlone(bool chunked)
    {
        const int Side = 512; // so that it comes in several pieces
        await using SegmentationServer small = await SegmentationServer.StartAsync(
            ("Scheduling:MaxBytesInFlight", "1024"), ("Scheduling:MaxPixelsInFlight", "16"));
        using HttpRequestMessage request = new(HttpMethod.Post, Route)
        {
            Content = InferCall.Content(
                $$"""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, {{Side}}, """ +
                $$"""{{Side}}]}], "parameters": {"binary_data_output": true} }""",
                new byte[3 * Side * Side * sizeof(float)]),
        };
        request.Headers.TransferEncodingChunked = chunked;

        using HttpResponseMessage response = await small.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Infer_OutputBeyondTheLimit_Answers413AndIsThereAsBytes()
    {
        const int Side = 640;
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Inference:MaxBytes", "1048576"));
        byte[] values = new byte[3 * Side * Side * sizeof(float)];
        string input = $$"""{"name": "input", "datatype": "FP32", "shape": [1, 3, {{Side}}, {{Side}}]}""";

        using HttpResponseMessage text = await small.Client.PostAsync(Route, InferCall.Content($$"""{"inputs": [{{input}}]}""", values));
        using HttpResponseMessage bytes = await small.Client.PostAsync(
            Route,
            InferCall.Content($$"""{"inputs": [{{input}}], "parameters": {"binary_data_output": true} }""", values));

        Assert.Contains("1,048,576", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, text), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, bytes.StatusCode);
    }
}

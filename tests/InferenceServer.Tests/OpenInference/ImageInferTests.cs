using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace InferenceServer.Tests.OpenInference;

/// <summary>Encoded images in, masks out: the same masks as everywhere.</summary>
[Collection(SharedServer.Name)]
public sealed class ImageInferTests(SegmentationServer server)
{
    private const string Route = "/v2/models/tiny.image/infer";

    [Fact]
    public async Task Raw_Body_IsTheImageAndTheMaskFollowsTheJson()
    {
        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Raw(Photo.Png));

        (JsonElement json, byte[] mask) = await InferCall.ReadAsync(response);
        Assert.Equal("application/octet-stream", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(["model_name", "model_version", "outputs"], json.EnumerateObject().Select(m => m.Name));
        Assert.Equal(("tiny.image", "1"), (json.GetProperty("model_name").GetString(), json.GetProperty("model_version").GetString()));
        AssertMask(json, mask.Length);
        Assert.Equal(Photo.Labels, mask);
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("tiny-labels")]
    [InlineData("tiny-stride8")]
    [InlineData("tiny-binary")]
    [InlineData("tiny-fixed")]
    public async Task Raw_AnyModelAndImage_GivesTheMaskOfV1(string model)
    {
        foreach (byte[] image in (byte[][])[Photo.Noise(jpeg: true), Photo.Noise(jpeg: false), Images.Read("rgb.png")])
        {
            byte[] expected = await RawAsync($"/v1/segment/{model}?format=raw", image);

            using HttpResponseMessage response = await server.Client.PostAsync(
                $"/v2/models/{model}.image/versions/1/infer", InferCall.Raw(image));

            Assert.Equal(expected, (await InferCall.ReadAsync(response)).Bytes);
        }
    }

    [Fact]
    public async Task Json_Base64_GivesTheMaskAsNumbers()
    {
        string request =
            $$"""{"id": "7", "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": """ +
            $$"""["{{Convert.ToBase64String(Photo.Png)}}"]}]}""";

        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(request));

        (JsonElement json, byte[] rest) = await InferCall.ReadAsync(response);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("7", json.GetProperty("id").GetString());
        Assert.Empty(rest);
        JsonElement output = Assert.Single(json.GetProperty("outputs").EnumerateArray());
        Assert.Equal(["name", "datatype", "shape", "data"], output.EnumerateObject().Select(m => m.Name));
        Assert.Equal(Photo.Labels, output.GetProperty("data").EnumerateArray().Select(e => e.GetByte()));
    }

    [Theory]
    [InlineData(true, true)] // tritonclient
    [InlineData(true, false)]
    [InlineData(false, false)] // OpenVINO Model Server: the image as it is behind the JSON
    public async Task Binary_Image_GivesTheMask(bool sized, bool binaryOutput)
    {
        byte[] tensor = sized ? InferCall.Element(Photo.Png) : Photo.Png;
        string size = sized ? $$""", "parameters": {"binary_data_size": {{tensor.Length}}}""" : "";
        string wanted = binaryOutput ? """, "parameters": {"binary_data_output": true}""" : "";
        string request = $$"""{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]{{size}}}]{{wanted}}}""";

        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(request, tensor));

        (JsonElement json, byte[] rest) = await InferCall.ReadAsync(response);
        byte[] mask = binaryOutput
            ? rest
            : [
                .. Assert.Single(json.GetProperty("outputs").EnumerateArray())
                    .GetProperty("data")
                    .EnumerateArray()
                    .Select(e => e.GetByte())
            ];
        Assert.Equal(Photo.Labels, mask);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Compressed_BothWays_GivesTheMask(string encoding)
    {
        byte[] image = Photo.Plain(300, 200);
        string request =
            """{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]}], "outputs": """ +
            """[{"name": "mask", "parameters": {"binary_data": true}}]}""";
        using HttpRequestMessage message = new(HttpMethod.Post, Route)
        {
            Content = await InferCall.CompressedAsync(InferCall.Content(request, image), encoding),
        };
        message.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue(encoding));

        using HttpResponseMessage response = await server.Client.SendAsync(message);

        Assert.Equal([encoding], response.Content.Headers.ContentEncoding);
        byte[] compressed = await response.Content.ReadAsByteArrayAsync();
        using MemoryStream inflated = new();
        await using Stream stream = encoding == "gzip"
            ? new System.IO.Compression.GZipStream(new MemoryStream(compressed), System.IO.Compression.CompressionMode.Decompress)
            : new System.IO.Compression.ZLibStream(new MemoryStream(compressed), System.IO.Compression.CompressionMode.Decompress);
        await stream.CopyToAsync(inflated);
        byte[] body = inflated.ToArray();
        int jsonLength = int.Parse(
            Assert.Single(response.Headers.GetValues(InferCall.HeaderLength)),
            System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(300 * 200, body.Length - jsonLength);
        Assert.All(body[jsonLength..], label => Assert.Equal(1, label));
    }

    [Theory]
    [InlineData("\"refine\": \"crf\", \"crf.iterations\": 2", "refine=crf&crf.iterations=2")]
    [InlineData("\"flip\": true, \"scales\": \"0.5,1\"", "flip=true&scales=0.5,1")]
    public async Task Parameters_OfV1_AreTaken(string parameters, string query)
    {
        byte[] image = Photo.Noise(jpeg: false);
        byte[] expected = await RawAsync($"/v1/segment/tiny?format=raw&{query}", image);
        string request =
            $$"""{"parameters": {"binary_data_output": true, {{parameters}}}, "inputs": """ +
            $$"""[{"name": "image", "datatype": "BYTES", "shape": [1]}]}""";

        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(request, image));

        Assert.Equal(expected, (await InferCall.ReadAsync(response)).Bytes);
    }

    [Fact]
    public async Task Raw_NoImage_IsRefusedAsInV1()
    {
        using HttpResponseMessage text = await server.Client.PostAsync(Route, InferCall.Raw("no image"u8.ToArray()));
        using HttpResponseMessage cut = await server.Client.PostAsync(Route, InferCall.Raw(Photo.Png[..100]));

        await ProblemAssert.IsAsync(HttpStatusCode.UnsupportedMediaType, text);
        await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, cut);
    }

    private static void AssertMask(JsonElement json, int bytes)
    {
        JsonElement output = Assert.Single(json.GetProperty("outputs").EnumerateArray());
        Assert.Equal(["name", "datatype", "shape", "parameters"], output.EnumerateObject().Select(m => m.Name));
        Assert.Equal(("mask", "UINT8"), (output.GetProperty("name").GetString(), output.GetProperty("datatype").GetString()));
        Assert.Equal([Photo.Height, Photo.Width], output.GetProperty("shape").EnumerateArray().Select(e => e.GetInt32()));
        Assert.Equal(bytes, output.GetProperty("parameters").GetProperty("binary_data_size").GetInt32());
    }

    private async Task<byte[]> RawAsync(string pathAndQuery, byte[] image)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(pathAndQuery, Photo.Content(image));
        return await response.Content.ReadAsByteArrayAsync();
    }
}

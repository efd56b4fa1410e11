using System.Net;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using InferenceServer.Dialects.Cvat;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Postprocessing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Dialects;

/// <summary>Requests as CVAT's <c>lambda_manager/views.py</c> sends them to Nuclio's dashboard.</summary>
public sealed class CvatTests
{
    [Theory]
    [InlineData("")]
    [InlineData("/cvat")]
    public async Task Functions_Models_AreDetectorsOfMasks(string prefix)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Cvat:Prefix", prefix));

        JsonElement listed = (await server.Client.GetFromJsonAsync<JsonElement>(prefix + "/api/functions")).GetProperty("tiny");
        JsonElement function = await server.Client.GetFromJsonAsync<JsonElement>(prefix + "/api/functions/tiny");

        Assert.Equal(listed.GetRawText(), function.GetRawText());
        JsonElement metadata = function.GetProperty("metadata"), annotations = metadata.GetProperty("annotations");
        Assert.Equal(
            ("tiny", "detector", "1"),
            (
                metadata.GetProperty("name").GetString(), annotations.GetProperty("type").GetString(),
                annotations.GetProperty("version").GetString()));
        Assert.Equal(
            """[{"id":0,"name":"red","type":"mask"},{"id":1,"name":"green","type":"mask"},""" +
            """{"id":2,"name":"blue","type":"mask"}]""",
            annotations.GetProperty("spec").GetString());
        Assert.Equal("ready", function.GetProperty("status").GetProperty("state").GetString());
        Assert.NotEqual("", function.GetProperty("spec").GetProperty("description").GetString());
        using HttpResponseMessage unknown = await server.Client.GetAsync(prefix + "/api/functions/none");
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Theory]
    [InlineData("Class")]
    [InlineData("Component")]
    public async Task Invoke_Frame_IsTheMaskInBoxes(string masks)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Cvat:Masks", masks));

        JsonElement answer = await InvokeAsync(server, Convert.ToBase64String(Photo.Png), threshold: 0.1);

        byte[] labels = [.. Enumerable.Repeat((byte)255, Photo.Labels.Length)];
        foreach (JsonElement item in answer.EnumerateArray())
        {
            Assert.Equal("mask", item.GetProperty("type").GetString());
            Assert.InRange(
                double.Parse(
                    item.GetProperty("confidence").GetString()!, System.Globalization.CultureInfo.InvariantCulture),
                0.33, 1);
            Assert.InRange(item.GetProperty("points").GetArrayLength(), 8, 100);
            int[] mask = [.. item.GetProperty("mask").EnumerateArray().Select(m => m.GetInt32())];
            (int left, int top, int right, int bottom) = (mask[^4], mask[^3], mask[^2], mask[^1]);
            int width = right - left + 1;
            Assert.Equal((width * (bottom - top + 1)) + 4, mask.Length);
            for (int i = 0; i < mask.Length - 4; i++)
            {
                int at = ((top + (i / width)) * Photo.Width) + left + (i % width);
                labels[at] = mask[i] == 1
                    ? (byte)Array.IndexOf(["red", "green", "blue"], item.GetProperty("label").GetString())
                    : labels[at];
            }
        }

        Assert.Equal(Photo.Labels, labels);
    }

    [Fact]
    public async Task Invoke_HighThresholdOrFewPixels_IsEmpty()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Cvat:MinPixels", "500"));

        Assert.Equal(
            "red",
            Assert.Single(
                (await InvokeAsync(server, Convert.ToBase64String(Photo.Png), threshold: 0)).EnumerateArray())
                .GetProperty("label")
                .GetString());
        Assert.Empty((await InvokeAsync(server, Convert.ToBase64String(Photo.Png), threshold: 0.999)).EnumerateArray());
    }

    [Fact]
    public async Task Invoke_NoBase64OrNoName_IsExplained()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();

        using HttpResponseMessage noImage = await PostAsync(server, "!", "tiny", 0);
        Assert.Contains("base64", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, noImage), StringComparison.Ordinal);
        using HttpResponseMessage noName = await PostAsync(server, "", "", 0);
        Assert.Contains("x-nuclio-function-name", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, noName), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invoke_TextThatIsNoUnicode_IsTheCallersFault()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/function_invocations")
        {
            Content = Photo.Content([.. "{\"image\":\""u8, 0xFF, .. "\"}"u8], "application/json"),
            Headers = { { "x-nuclio-function-name", "tiny" } },
        };

        using HttpResponseMessage response = await server.Client.SendAsync(request);

        await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
    }

    [Fact]
    public async Task Encode_BoxesWithoutEnd_AreRefused()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        using ModelLease model = server.Services.GetRequiredService<ModelRepository>().Lease("tiny");
        ImageSize size = new(5000, 5000); // three classes, each with a box as large as the image
        MaskContent content = Content(model, size, labels => (labels[1], labels[^2], labels[2], labels[^3]) = (1, 1, 2, 2));
        using PooledBufferWriter json = new();

        SegmentationException refusal = Assert.Throws<SegmentationException>(() =>
            new CvatExchange(
                new DefaultHttpContext().Request, new CvatOptions()).Encode(content, FormatSettings.Default, json));

        Assert.Equal(SegmentationError.InvalidRequest, refusal.Error);
        Assert.Equal(0, json.Written.Length);
    }

    [Fact]
    public async Task Encode_NoiseAsClasses_HasABoxForAnOutline()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        using ModelLease model = server.Services.GetRequiredService<ModelRepository>().Lease("tiny");
        ImageSize size = new(1024, 1024);
        MaskContent content = Content(model, size, labels =>
        {
            for (int i = 0; i < labels.Length; i++)
            {
                labels[i] = (byte)((i + (i / 1024)) % 2); // a chessboard, whose outlines have four million points
            }
        });
        using PooledBufferWriter json = new();

        new CvatExchange(new DefaultHttpContext().Request, new CvatOptions()).Encode(content, FormatSettings.Default, json);

        JsonElement[] masks = [.. JsonDocument.Parse(json.Written).RootElement.EnumerateArray()];
        Assert.Equal(["red", "green"], masks.Select(m => m.GetProperty("label").GetString()));
        Assert.All(masks, m => Assert.Equal(8, m.GetProperty("points").GetArrayLength()));
        Assert.All(masks, m => Assert.Equal(size.Pixels + 4, m.GetProperty("mask").GetArrayLength()));
    }

    private delegate void Painter(Span<byte> labels);

    private static MaskContent Content(ModelLease model, ImageSize size, Painter paint)
    {
        byte[] labels = new byte[size.Pixels];
        paint(labels);
        return new MaskContent
        {
            Model = model.Model.Name,
            Version = model.Model.Version,
            Classes = model.Model.Classes,
            Channels = model.Model.Classes.Names.Count,
            Size = size,
            Labels = labels,
            Planes = [new LabelPlane(labels)],
            Confidence = default,
            Probabilities = default,
            Image = default,
        };
    }

    private static async Task<JsonElement> InvokeAsync(SegmentationServer server, string image, double threshold)
    {
        using HttpResponseMessage response = await PostAsync(server, image, "tiny", threshold);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<HttpResponseMessage> PostAsync(SegmentationServer server, string image, string model, double threshold)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/function_invocations")
        {
            Content = JsonContent.Create(new { threshold, image }),
        };
        request.Headers.Add("x-nuclio-project-name", "cvat");
        request.Headers.Add("x-nuclio-function-namespace", "nuclio");
        request.Headers.Add("x-nuclio-invoke-via", "domain-name");
        request.Headers.Add("x-nuclio-path", "/");
        request.Headers.Add("x-nuclio-function-name", model);
        return await server.Client.SendAsync(request);
    }
}

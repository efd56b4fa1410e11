using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace InferenceServer.Tests.Dialects;

/// <summary>The task image-segmentation, asked as Hugging Face's clients do.</summary>
[Collection(SharedServer.Name)]
public sealed class HuggingFaceTests(SegmentationServer server)
{
    private const string Client = """
        import sys
        from huggingface_hub import InferenceClient
        client = InferenceClient(model=sys.argv[1])
        for parameters in ({}, {"threshold": 0.1, "subtask": "semantic"}):
            for segment in client.image_segmentation(sys.argv[2], **parameters):
                print(segment.label, 0 < segment.score <= 1, segment.mask.mode, *segment.mask.size, segment.mask.tobytes().hex())
        """;

    [Theory]
    [InlineData("/huggingface/tiny")]
    [InlineData("/huggingface")]
    public async Task Segment_RawBytes_IsTheMask(string path)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(path, Photo.Content(Photo.Png));

        await IsTheMaskAsync(response);
        Assert.Equal("tiny", Assert.Single(response.Headers.GetValues("X-Model")));
    }

    [Fact]
    public async Task Segment_Json_IsTheMask()
    {
        using HttpResponseMessage response = await server.Client.PostAsJsonAsync("/huggingface/tiny", new
        {
            inputs = Convert.ToBase64String(Photo.Png),
            parameters = new { threshold = 0.1, subtask = "semantic", mask_threshold = 0.5, overlap_mask_area_threshold = 0.5 },
        });

        await IsTheMaskAsync(response);
    }

    [Theory]
    [InlineData("data:image/png;base64,", "/", "\\/")] // as PHP writes slashes
    [InlineData("", "+", "\\u002b")]
    [InlineData("", "A", "A\\n")]
    public async Task Segment_Base64AsOthersWriteIt_IsTheMask(string before, string character, string escaped)
    {
        using StringContent content = new(
            $$"""{"inputs": "{{before}}{{Convert.ToBase64String(Photo.Png).Replace(character, escaped, StringComparison.Ordinal)}}"}""",
            System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await server.Client.PostAsync("/huggingface/tiny", content);

        await IsTheMaskAsync(response);
    }

    [Fact]
    public async Task Segment_ModelWithoutScores_HasNone()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/huggingface/tiny-labels", Photo.Content(Photo.Png));

        Assert.All(
            (await response.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray(),
            s => Assert.False(s.TryGetProperty("score", out _)));
    }

    [Theory]
    [InlineData("""{"inputs": "!"}""", "base64")]
    [InlineData("""{"image": ""}""", "inputs")]
    [InlineData("""{"inputs": "\ud800"}""", "The body is wrong")] // half of a character
    [InlineData("""{"inputs": "", "parameters": {"subtask": "panoptic"}}""", "subtask")]
    [InlineData("""{"inputs": "", "parameters": {"threshold": "high"}}""", "threshold")]
    public async Task Segment_OtherJson_IsExplained(string json, string reason)
    {
        using StringContent content = new(json, System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await server.Client.PostAsync("/huggingface/tiny", content);

        Assert.Contains(reason, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [PythonFact("huggingface_hub, httpx, PIL")]
    public async Task ImageSegmentation_HuggingFaceHub_IsTheMask()
    {
        string photo = Path.GetTempFileName();
        await File.WriteAllBytesAsync(photo, Photo.Png);

        (int exitCode, string output, string error) = await Task.Run(() =>
            PythonFactAttribute.Run(
                Client, new Uri(server.Client.BaseAddress!, "/huggingface/tiny").ToString(), photo));

        File.Delete(photo);
        Assert.True(exitCode == 0, error);
        string[] expected = [.. ((string[])["red", "green", "blue"]).Select((name, label) =>
            $"{name} True L {Photo.Width} {Photo.Height} " +
            $"{Convert.ToHexStringLower([.. Photo.Labels.Select(l => (byte)(l == label ? 255 : 0))])}")];
        Assert.Equal([.. expected, .. expected], output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static async Task IsTheMaskAsync(HttpResponseMessage response)
    {
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        byte[] labels = new byte[Photo.Labels.Length];
        foreach (JsonElement segment in (await response.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray())
        {
            byte label = (byte)Array.IndexOf(["red", "green", "blue"], segment.GetProperty("label").GetString());
            Assert.InRange(segment.GetProperty("score").GetDouble(), 0.33, 1);
            PngImage mask = PngImage.Read(segment.GetProperty("mask").GetBytesFromBase64());
            Assert.Equal(Photo.Labels.Select(l => (byte)(l == label ? 255 : 0)), mask.Samples);
            labels = [.. labels.Select((l, i) => mask.Samples[i] == 255 ? label : l)];
        }

        Assert.Equal(Photo.Labels, labels);
    }
}

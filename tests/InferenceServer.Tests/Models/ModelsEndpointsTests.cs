using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace InferenceServer.Tests.Models;

[Collection(SharedServer.Name)]
public sealed class ModelsEndpointsTests(SegmentationServer server)
{
    [Fact]
    public async Task List_AllModels_TellsDefaultAndStates()
    {
        JsonElement list = await server.Client.GetFromJsonAsync<JsonElement>("/v1/models");

        Assert.Equal("tiny", list.GetProperty("default").GetString());
        Dictionary<string, string> states = list.GetProperty("models").EnumerateArray()
            .ToDictionary(m => m.GetProperty("name").GetString()!, m => m.GetProperty("state").GetString()!);
        Assert.Equal(
            Directory.EnumerateDirectories(Path.Combine(AppContext.BaseDirectory, "models"))
                .Select(Path.GetFileName)
                .Order(),
            states.Keys.Order());
        Assert.All(states, s => Assert.Equal(s.Key is "tiny-nan" or "tiny-wrong-classes" ? "UNAVAILABLE" : "READY", s.Value));
    }

    [Fact]
    public async Task Describe_ReadyModel_TellsClassesColorsAndProvider()
    {
        JsonElement description = await server.Client.GetFromJsonAsync<JsonElement>("/v1/models/tiny");

        JsonElement model = description.GetProperty("model");
        Assert.Equal(("tiny", "READY", 1, "cpu"), (
            model.GetProperty("name")
                .GetString(), model.GetProperty("state")
                .GetString(), model.GetProperty("version")
                .GetInt32(), model.GetProperty("provider")
                .GetString()));
        Assert.Equal(
            [(0, "red", "#ff0000"), (1, "green", "#00ff00"), (2, "blue", "#0000ff")],
            description.GetProperty("classes").EnumerateArray().Select(
                c => (c.GetProperty("index").GetInt32(), c.GetProperty("name").GetString()!, c.GetProperty("color").GetString()!)));
        Assert.Equal("logits", description.GetProperty("manifest").GetProperty("graph").GetProperty("output_kind").GetString());
        Assert.StartsWith(
            "input: float32", Assert.Single(description.GetProperty("inputs").EnumerateArray()).GetString(),
            StringComparison.Ordinal);
        Assert.False(model.TryGetProperty("reason", out _));
    }

    [Theory]
    [InlineData("tiny-nan", "NaN")]
    [InlineData("tiny-wrong-classes", "classes.names")]
    public async Task Describe_UnavailableModel_TellsTheReason(string name, string reason)
    {
        JsonElement description = await server.Client.GetFromJsonAsync<JsonElement>($"/v1/models/{name}");

        Assert.Equal("UNAVAILABLE", description.GetProperty("model").GetProperty("state").GetString());
        Assert.Contains(reason, description.GetProperty("model").GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.False(description.TryGetProperty("classes", out _));
    }

    [Fact]
    public async Task Describe_UnknownModel_Answers404AndListsThoseThereAre()
    {
        using HttpResponseMessage response = await server.Client.GetAsync("/v1/models/none");

        Assert.Contains("tiny-labels", await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response), StringComparison.Ordinal);
    }
}

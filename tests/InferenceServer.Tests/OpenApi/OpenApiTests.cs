using System.Net;
using System.Net.Http.Json;
using System.Text.Encodings.Web;
using System.Text.Json;
using InferenceServer.Runtime.Formats;

namespace InferenceServer.Tests.OpenApi;

[Collection(SharedServer.Name)]
public sealed class OpenApiTests(SegmentationServer server)
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    [Fact]
    public async Task Document_Routes_AreAllThere()
    {
        JsonElement document = await DocumentAsync();

        Assert.Equal(
            [
                "/api/function_invocations", "/api/functions", "/api/functions/{model}", "/api/remove", "/health/live",
                "/health/ready", "/huggingface", "/huggingface/{model}",
                "/label-studio/health", "/label-studio/models/{model}/health", "/label-studio/models/{model}/predict",
                "/label-studio/models/{model}/setup", "/label-studio/models/{model}/webhook",
                "/label-studio/predict", "/label-studio/setup", "/label-studio/webhook", "/metrics", "/v1/jobs",
                "/v1/jobs/{id}", "/v1/jobs/{id}/events", "/v1/jobs/{id}/result", "/v1/models", "/v1/models/{model}",
                "/v1/models/{model}/load", "/v1/models/{model}/unload", "/v1/models/{model}/versions/{version}",
                "/v1/refine", "/v1/segment", "/v1/segment/{model}", "/v1/segment/{model}/versions/{version}", "/v1/segment:batch",
                "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats", "/v2/models/{model}",
                "/v2/models/{model}/config", "/v2/models/{model}/infer", "/v2/models/{model}/ready",
                "/v2/models/{model}/stats",
                "/v2/models/{model}/versions/{version}", "/v2/models/{model}/versions/{version}/config",
                "/v2/models/{model}/versions/{version}/infer", "/v2/models/{model}/versions/{version}/ready",
                "/v2/models/{model}/versions/{version}/stats",
                "/v2/repository/index", "/v2/repository/models/{model}/load", "/v2/repository/models/{model}/unload",
                "/v2/repository/{repository}/index", "/v2/repository/{repository}/models/{model}/load",
                "/v2/repository/{repository}/models/{model}/unload",
                "/x-anylabeling/v1/models", "/x-anylabeling/v1/predict",
            ],
            document.GetProperty("paths").EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Document_OperationIds_AreUnique()
    {
        JsonElement document = await DocumentAsync();
        string?[] ids =
        [
            .. document.GetProperty("paths")
                .EnumerateObject()
                .SelectMany(p => p.Value.EnumerateObject())
                .Select(o => o.Value.GetProperty("operationId").GetString())
        ];
        Assert.Distinct(ids);
    }

    [Theory]
    [InlineData("/v1/segment")]
    [InlineData("/v1/segment/{model}")]
    [InlineData("/v1/segment/{model}/versions/{version}")]
    public async Task Document_Segment_TakesAnImageAndAnswersAMaskOrAProblem(string path)
    {
        JsonElement operation = await OperationAsync(path);

        Assert.Equal("#/components/requestBodies/Image", operation.GetProperty("requestBody").GetProperty("$ref").GetString());
        Assert.Equal(
            [("200", "#/components/responses/Mask"), ("default", "#/components/responses/Problem")],
            operation.GetProperty("responses").EnumerateObject().Select(r => (r.Name, r.Value.GetProperty("$ref").GetString()!)));
    }

    [Fact]
    public async Task Document_ImageBody_IsBinaryForEveryType()
    {
        JsonElement content = (await ComponentAsync("requestBodies", "Image")).GetProperty("content");

        Assert.Equal("image/jpeg", content.EnumerateObject().First().Name); // what Swagger UI offers at once
        foreach (string type in (string[])["image/jpeg", "image/png", "image/webp", "image/tiff", "image/avif"])
        {
            Assert.Equal("binary", content.GetProperty(type).GetProperty("schema").GetProperty("format").GetString());
        }

        JsonElement form = content.GetProperty("multipart/form-data").GetProperty("schema");
        Assert.Equal("binary", form.GetProperty("properties").GetProperty("image").GetProperty("format").GetString());
    }

    [Fact]
    public async Task Document_Mask_HasAnExampleOfEveryFormat()
    {
        JsonElement content = (await ComponentAsync("responses", "Mask")).GetProperty("content");
        JsonElement parameter = await ComponentAsync("parameters", "format");

        Assert.Equal(
            MaskFormat.All.GroupBy(f => f.MediaType).Select(type => (type.Key, string.Join(' ', type.Select(f => f.Name)))),
            content.EnumerateObject()
                .Select(type =>
                    (
                        type.Name,
                        string.Join(' ', type.Value.GetProperty("examples").EnumerateObject().Select(e => e.Name)))));
        Assert.Equal(
            MaskFormat.All.Select(f => f.Name),
            parameter.GetProperty("examples").EnumerateObject().Select(e => e.Value.GetProperty("value").GetString()!));
    }

    // The example comes from the encoder; this is whether a client that follows it can read what the server sends.
    [Theory]
    [InlineData("json")]
    [InlineData("coco-rle")]
    [InlineData("polygons")]
    [InlineData("geojson")]
    public async Task Document_ExampleOfAJsonFormat_HasTheMembersOfTheAnswer(string format)
    {
        JsonElement examples = (await ComponentAsync("responses", "Mask"))
            .GetProperty("content")
            .GetProperty(MaskFormat.Find(format)!.MediaType)
            .GetProperty("examples");
        using HttpResponseMessage response = await server.Client.PostAsync(
            $"/v1/segment/tiny?format={format}", Photo.Content(Photo.Png, "image/png"));

        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal(Members(answer).Distinct(), Members(examples.GetProperty(format).GetProperty("value")).Distinct());
    }

    [Fact]
    public async Task Document_Problem_HasTheMembersOfTheAnswer()
    {
        JsonElement schema = await ComponentAsync("schemas", "Problem");
        string[] known = [.. schema.GetProperty("properties").EnumerateObject().Select(p => p.Name)];
        string[] required = [.. schema.GetProperty("required").EnumerateArray().Select(p => p.GetString()!)];
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/segment/tiny?alpha=2", Photo.Content(Photo.Png, "image/png"));

        string[] sent = [.. (await response.Content.ReadFromJsonAsync<JsonElement>()).EnumerateObject().Select(p => p.Name)];

        Assert.Equal(known.Except(["retry_after_ms"]).Order(), sent.Order());
        Assert.Empty(required.Except(sent));
    }

    [Fact]
    public async Task Document_Problem_ListsTheTypesAsTheyAreSent()
    {
        string description = (await ComponentAsync("responses", "Problem")).GetProperty("description").GetString()!;

        Assert.Contains("| 400 | `urn:inference-server:invalid-request` |", description, StringComparison.Ordinal);
        Assert.Contains("| 429 | `urn:inference-server:overloaded` |", description, StringComparison.Ordinal);
        Assert.Contains("| 501 | `urn:inference-server:not-supported` |", description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Document_Tags_BeginWithWhatMostPeopleLookFor()
    {
        JsonElement document = await DocumentAsync();
        string[] tags = [.. document.GetProperty("tags").EnumerateArray().Select(t => t.GetProperty("name").GetString()!)];

        Assert.Equal(["Segment", "Models", "Jobs"], tags.Take(3));
        Assert.Equal(
            tags, document.GetProperty("paths")
                .EnumerateObject()
                .SelectMany(p => p.Value.EnumerateObject())
                .Select(o => Assert.Single(o.Value.GetProperty("tags").EnumerateArray()).GetString()!)
                .Distinct());
    }

    /// <summary>The checked-in document shows in each change what it means for clients. With <c>DOCS=write</c> in the
    /// environment it is written instead.</summary>
    [Fact]
    public async Task Document_CheckedIn_IsTheServedOne()
    {
        string file = Path.Combine(Repository.Root, "docs", "openapi.json");
        await using SegmentationServer shipped = await SegmentationServer.StartAsync(("Models:Default", "camvid-deeplabv3plus"));
        JsonElement document = await shipped.Client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");
        string served = JsonSerializer.Serialize(document, Readable) + "\n";
        if (Environment.GetEnvironmentVariable("DOCS") == "write")
        {
            await File.WriteAllTextAsync(file, served);
            return;
        }

        string[] before = await File.ReadAllLinesAsync(file), now = served.TrimEnd('\n').Split('\n');
        int same = before.Zip(now).TakeWhile(pair => pair.First == pair.Second).Count();
        string difference = string.Join(
            '\n',
            before.Skip(same)
                .Take(5)
                .Select(line => "- " + line)
                .Concat(now.Skip(same).Take(5).Select(line => "+ " + line)));
        Assert.True(
            same == before.Length && same == now.Length,
            $"docs/openapi.json differs at line {same + 1}; DOCS=write updates it.\n{difference}");
    }

    [Theory]
    [InlineData("/v2/models/{model}/infer")]
    [InlineData("/v2/models/{model}/versions/{version}/infer")]
    public async Task Document_Infer_TakesAndGivesJsonAndBytes(string path)
    {
        JsonElement operation = await OperationAsync(path);

        Assert.Equal(
            ["application/json", "application/octet-stream"],
            operation.GetProperty("requestBody").GetProperty("content").EnumerateObject().Select(c => c.Name));
        Assert.Equal(
            ["application/json", "application/octet-stream"],
            operation.GetProperty("responses")
                .GetProperty("200")
                .GetProperty("content")
                .EnumerateObject()
                .Select(c => c.Name));
        Assert.Contains(
            "Inference-Header-Content-Length",
            operation.GetProperty("parameters").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
        Assert.Equal(
            "#/components/responses/Problem",
            operation.GetProperty("responses").GetProperty("default").GetProperty("$ref").GetString());
    }

    [Fact]
    public async Task Document_Model_HasTheDefaultForAnExample()
    {
        JsonElement model = (await OperationAsync("/v1/segment/{model}")).GetProperty("parameters")[0];

        Assert.Equal(("model", "tiny"), (model.GetProperty("name").GetString(), model.GetProperty("example").GetString()));
    }

    [Theory]
    [InlineData("/swagger")]
    [InlineData("/swagger/index.html")]
    public async Task Ui_Page_Answers(string path)
    {
        using HttpResponseMessage response = await server.Client.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
    }

    private async Task<JsonElement> OperationAsync(string path) =>
        (await DocumentAsync()).GetProperty("paths").GetProperty(path).GetProperty("post");

    private async Task<JsonElement> ComponentAsync(string kind, string name) =>
        (await DocumentAsync()).GetProperty("components").GetProperty(kind).GetProperty(name);

    // The path to each member, without the numbers of elements.
    private static IEnumerable<string> Members(JsonElement element, string path = "") => element.ValueKind switch
    {
        JsonValueKind.Object =>
            element.EnumerateObject()
                .SelectMany(member =>
                    Members(member.Value, $"{path}/{member.Name}").Prepend($"{path}/{member.Name}")),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(item => Members(item, path)),
        _ => [],
    };

    private Task<JsonElement> DocumentAsync() => server.Client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");
}

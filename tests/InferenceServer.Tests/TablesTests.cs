using System.Net.Http.Json;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Parameters;

namespace InferenceServer.Tests;

/// <summary>A parameter or a format is declared in one table. What cannot be made from the table is compared with it here.</summary>
public sealed class TablesTests(SegmentationServer server) : IClassFixture<SegmentationServer>
{
    private static readonly string Docs = string.Concat(
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md").Append(Path.Combine(Repository.Root, "README.md")).Select(File.ReadAllText));

    public static TheoryData<string> Parameters => [.. RequestParameters.All.Select(p => p.Name)];

    public static TheoryData<string> Formats => [.. MaskFormat.All.Select(f => f.Name)];

    [Fact]
    public void Names_OfBothTables_AreDistinct()
    {
        Assert.Equal(RequestParameters.All.Count, RequestParameters.All.Select(p => p.Name).Distinct().Count());
        Assert.Equal(MaskFormat.All.Count, MaskFormat.All.Select(f => f.Name).Distinct().Count());
        Assert.Equal(MaskFormat.All.SelectMany(f => f.Accept).Distinct().Count(), MaskFormat.All.Sum(f => f.Accept.Count));
    }

    [Theory]
    [MemberData(nameof(Parameters))]
    public void Parameter_Docs_ExplainIt(string name) => Assert.Contains(name, Docs, StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Parameters))]
    public void Parameter_DefaultWordsAndExample_AreAllowed(string name)
    {
        RequestParameter parameter = RequestParameters.Find(name)!;

        IEnumerable<string?> texts = [parameter.Default, parameter.Example, .. parameter.Words];
        foreach (string text in texts.OfType<string>())
        {
            Assert.NotNull(parameter.Apply(SegmentSettings.Default, text));
        }
    }

    [Theory]
    [InlineData("/v1/segment", "post")]
    [InlineData("/v1/segment/{model}", "post")]
    [InlineData("/v1/segment/{model}/versions/{version}", "post")]
    [InlineData("/v1/segment:batch", "post")]
    [InlineData("/v1/jobs", "post")]
    public async Task Parameters_OpenApi_ListsAll(string path, string method)
    {
        JsonElement document = await server.Client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");

        JsonElement operation = document.GetProperty("paths").GetProperty(path).GetProperty(method);
        IEnumerable<string> listed = operation.GetProperty("parameters").EnumerateArray()
            .Where(p => p.TryGetProperty("$ref", out _))
            .Select(p => p.GetProperty("$ref").GetString()!);

        Assert.Equal(RequestParameters.All.Select(p => "#/components/parameters/" + p.Name), listed);
    }

    [Fact]
    public async Task Parameters_OpenApi_HasThemAsTheTable()
    {
        JsonElement document = await server.Client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");

        JsonElement parameters = document.GetProperty("components").GetProperty("parameters");
        Assert.Equal(RequestParameters.All.Select(p => p.Name).Order(StringComparer.Ordinal), parameters.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.All(RequestParameters.All, p => Assert.StartsWith(p.Description, parameters.GetProperty(p.Name).GetProperty("description").GetString(), StringComparison.Ordinal));
        Assert.All(RequestParameters.All.Where(p => p.Words.Count > 0), p => Assert.Equal(
            p.Words, parameters.GetProperty(p.Name).GetProperty("schema").GetProperty("enum").EnumerateArray().Select(word => word.GetString()!)));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Format_DocsClientAndPlayground_NameIt(string name)
    {
        string client = File.ReadAllText(Path.Combine(Repository.Root, "src/InferenceServer.Client/SegmentQuery.cs"));
        string playground = File.ReadAllText(Path.Combine(Repository.Root, "src/InferenceServer/wwwroot/playground/export.js"));

        Assert.Contains($"`{name}`", Docs, StringComparison.Ordinal);
        Assert.Matches($@"\b{name}\b", client);
        Assert.Matches($@"\b{name}\b", playground);
    }

    [Fact]
    public async Task Model_InTheQueryOfTheDefaultRoute_Answers()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment?model=tiny", Photo.Content(Photo.Png, "image/png"));

        Assert.Equal("tiny", Assert.Single(response.Headers.GetValues("X-Model")));
    }
}

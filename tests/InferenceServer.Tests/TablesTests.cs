using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Parameters;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Tests;

/// <summary>A parameter or a format is declared in one table. What cannot be made from the table is compared with it here.</summary>
public sealed partial class TablesTests(SegmentationServer server) : IClassFixture<SegmentationServer>
{
    private static readonly string Docs = string.Concat(
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md")
            .Append(Path.Combine(Repository.Root, "README.md"))
            .Select(File.ReadAllText));

    public static TheoryData<string> Parameters => [.. RequestParameters.All.Select(p => p.Name)];

    public static TheoryData<string> Formats => [.. MaskFormat.All.Select(f => f.Name)];

    [Fact]
    public void Names_OfBothTables_AreDistinct()
    {
        Assert.Equal(RequestParameters.All.Count, RequestParameters.All.Select(p => p.Name).Distinct().Count());
        Assert.Equal(MaskFormat.All.Count, MaskFormat.All.Select(f => f.Name).Distinct().Count());
        Assert.Equal(MaskFormat.All.SelectMany(f => f.Accept).Distinct().Count(), MaskFormat.All.Sum(f => f.Accept.Count));
    }

    // Words such as "mask" stand for other things, too; these can only be a parameter or a format.
    [Fact]
    public void Names_InTheSource_AreInTheirTableOnly()
    {
        Dictionary<string, string> tables = RequestParameters.All.ToDictionary(p => p.Name, _ => "RequestParameters.cs");
        foreach (MaskFormat format in MaskFormat.All)
        {
            tables.TryAdd(format.Name, "MaskFormat.cs"); // alpha and confidence are parameters, too
        }

        (string File, string Text)[] sources =
        [
            .. from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
               // The one names the parameters that are out of range, the other reads keys of STAC.
               where Path.GetFileName(file) is not ("CrfRefiner.cs" or "DescriptionHints.cs")
               select (Path.GetFileName(file), File.ReadAllText(file)),
        ];
        foreach ((string name, string table) in tables.Where(t => t.Key.IndexOfAny(['-', '_', '.']) > 0))
        {
            Assert.Equal([table], sources.Where(s => s.Text.Contains($"\"{name}\"", StringComparison.Ordinal)).Select(s => s.File));
        }
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
    public async Task Parameters_OpenApiOfRefinement_ListsItsOwn()
    {
        JsonElement document = await server.Client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");

        JsonElement operation = document.GetProperty("paths").GetProperty("/v1/refine").GetProperty("post");
        IEnumerable<string> listed = operation.GetProperty("parameters").EnumerateArray()
            .Where(p => p.TryGetProperty("$ref", out _))
            .Select(p => p.GetProperty("$ref").GetString()!);

        Assert.Equal(RequestParameters.OfRefinement.Select(p => "#/components/parameters/" + p.Name), listed);
        string doc = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "crf.md"));
        Assert.All(RequestParameters.OfRefinement.Where(p => p.Group == ParameterGroup.Scores), p => Assert.Contains(
            $"| `{p.Name}` |", doc, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Parameters_OpenApi_HasThemAsTheTable()
    {
        RequestParameter[] all = [.. RequestParameters.All.Union(RequestParameters.OfRefinement)];
        JsonElement document = await server.Client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");

        JsonElement parameters = document.GetProperty("components").GetProperty("parameters");
        Assert.Equal(
            all.Select(p => p.Name).Order(StringComparer.Ordinal),
            parameters.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.All(
            all,
            p =>
                Assert.StartsWith(
                    p.Description, parameters.GetProperty(p.Name).GetProperty("description").GetString(),
                    StringComparison.Ordinal));
        Assert.All(all.Where(p => p.Words.Count > 0), p => Assert.Equal(
            p.Words, parameters.GetProperty(p.Name)
                .GetProperty("schema")
                .GetProperty("enum")
                .EnumerateArray()
                .Select(word => word.GetString()!)));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Format_DocsAndClient_NameIt(string name)
    {
        string client = File.ReadAllText(Path.Combine(Repository.Root, "src/InferenceServer.Client/SegmentQuery.cs"));

        Assert.Contains($"`{name}`", Docs, StringComparison.Ordinal);
        Assert.Matches($@"\b{name}\b", client);
    }

    // The playground has its list of formats from here.
    [Fact]
    public async Task Formats_OpenApi_HasThemWithTheirExtensions()
    {
        JsonElement document = await server.Client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");

        JsonElement format = document.GetProperty("components").GetProperty("parameters").GetProperty("format");
        Assert.Equal(
            MaskFormat.All.Select(f => (f.Name, $"{f.Name}: {f.Description}", f.Extension)),
            format.GetProperty("examples")
                .EnumerateObject()
                .Select(e =>
                    (
                        e.Name, e.Value.GetProperty("summary").GetString()!,
                        e.Value.GetProperty("x-extension").GetString()!)));
    }

    // A slider says: { name: "crf.bilateral.xy", label: "…", min: 1, max: 150, step: 1, own: manifest => … ?? 67 }
    [Fact]
    public void Parameters_SlidersOfThePlayground_AreWithinTheTable()
    {
        CrfSettings usual = CrfSettings.Create(manifest: null, new CrfOverrides());
        Dictionary<string, double> defaults = new()
        {
            ["crop"] = 512,
            ["stride_rate"] = 33, // the overlap, in per cent
            ["crf.iterations"] = usual.Iterations,
            ["crf.gaussian.weight"] = usual.Gaussian.Weight,
            ["crf.gaussian.xy"] = usual.Gaussian.Xy,
            ["crf.bilateral.weight"] = usual.Bilateral.Weight,
            ["crf.bilateral.xy"] = usual.Bilateral.Xy,
            ["crf.bilateral.rgb"] = usual.Bilateral.Rgb!.Value,
        };
        string settings = File.ReadAllText(Path.Combine(Repository.Root, "src/InferenceServer/wwwroot/playground/settings.js"));

        Match[] sliders = [.. Slider().Matches(settings).Cast<Match>()];

        Assert.Equal(defaults.Keys.Order(), sliders.Select(s => s.Groups["name"].Value).Order());
        foreach (Match slider in sliders)
        {
            RequestParameter parameter = RequestParameters.Find(slider.Groups["name"].Value)!;
            double least = Number(slider, "min"), most = Number(slider, "max");
            if (parameter.Name.StartsWith("crf.", StringComparison.Ordinal))
            {
                Assert.InRange(least, parameter.Minimum!.Value, most);
                Assert.Equal(defaults[parameter.Name], Number(slider, "usual"));
                Assert.NotNull(parameter.Apply(SegmentSettings.Default, slider.Groups["max"].Value));
            }

            Assert.InRange(defaults[parameter.Name], least, most);
        }
    }

    [Theory]
    [InlineData("mode")]
    [InlineData("scales")]
    [InlineData("flip")]
    [InlineData("refine")]
    [InlineData("crf.quality")]
    [InlineData("bands")]
    [InlineData("value_scaling")]
    public void Parameter_OfThePlayground_IsInTheTable(string name)
    {
        string page = string.Concat(
            Directory.EnumerateFiles(
                Path.Combine(Repository.Root, "src/InferenceServer/wwwroot"), "*.*", SearchOption.AllDirectories)
            .Where(f => f.EndsWith(".js", StringComparison.Ordinal) || f.EndsWith(".html", StringComparison.Ordinal))
            .Select(File.ReadAllText));

        RequestParameter parameter = RequestParameters.Find(name)!;

        Assert.Matches($@"[{{( ""]{Regex.Escape(name)}\b", page);
        Assert.All(parameter.Words, word => Assert.Contains($"\"{word}\"", page, StringComparison.Ordinal));
    }

    private static double Number(Match match, string group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(
        @"name: ""(?<name>[\w.]+)"", .*?min: (?<min>[\d.]+), max: (?<max>[\d.]+), .*?own: .*?\?\? (?<usual>[\d.]+)",
        RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
    private static partial Regex Slider();

    [Fact]
    public async Task Model_InTheQueryOfTheDefaultRoute_Answers()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment?model=tiny", Photo.Content(Photo.Png, "image/png"));

        Assert.Equal("tiny", Assert.Single(response.Headers.GetValues("X-Model")));
    }
}

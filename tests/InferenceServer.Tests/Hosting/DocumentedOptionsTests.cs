using System.Text.Json;
using InferenceServer.Auth;
using InferenceServer.Bulk;
using InferenceServer.Dialects.Cvat;
using InferenceServer.Dialects.LabelStudio;
using InferenceServer.Fetching;
using InferenceServer.Hosting;
using InferenceServer.Jobs;
using InferenceServer.OpenInference;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Storage;
using InferenceServer.Telemetry;
using InferenceServer.Tls;
using Microsoft.Extensions.Configuration;

namespace InferenceServer.Tests.Hosting;

/// <summary>docs/configuration.md and appsettings.json have every option, and none that there is not. With
/// <c>DOCS=write</c> in the environment the page is written instead.</summary>
public sealed class DocumentedOptionsTests
{
    private static readonly string Page = Path.Combine(Repository.Root, "docs", "configuration.md");

    private static readonly string AppSettings = Path.Combine(Repository.Root, "src", "InferenceServer", "appsettings.json");

    private static readonly Dictionary<string, Type> Sections = new()
    {
        ["Models"] = typeof(ModelRepositoryOptions),
        ["Decoding"] = typeof(DecodingOptions),
        ["Scheduling"] = typeof(SchedulingOptions),
        ["Batching"] = typeof(BatchingOptions),
        ["Onnx"] = typeof(OnnxOptions),
        ["Hosting"] = typeof(HostingOptions),
        ["Tls"] = typeof(TlsOptions),
        ["Security"] = typeof(SecurityOptions),
        ["Bulk"] = typeof(BulkOptions),
        ["Jobs"] = typeof(JobOptions),
        ["Nats"] = typeof(NatsOptions),
        ["Fetch"] = typeof(FetchOptions),
        ["LabelStudio"] = typeof(LabelStudioOptions),
        ["Cvat"] = typeof(CvatOptions),
        ["Inference"] = typeof(PassOptions),
        ["Crf"] = typeof(CrfOptions),
        ["S3"] = typeof(S3Options),
        ["OpenInference"] = typeof(OpenInferenceOptions),
        ["Telemetry"] = typeof(TelemetryOptions),
    };

    public static TheoryData<string> Names => [.. Sections.Keys];

    [Fact]
    public void Sections_AllOptions_AreInTheTable()
    {
        // Two of Security, and the one that holds the sections.
        IEnumerable<Type> parts = [typeof(KeyOptions), typeof(JwtOptions), typeof(SegmentationOptions)];

        Assert.Equal(
            new[] { typeof(Program).Assembly, typeof(Segmenter).Assembly }.SelectMany(a => a.GetTypes())
                .Where(t => t is { IsClass: true } && t.Name.EndsWith("Options", StringComparison.Ordinal))
                .Except(parts)
                .Select(t => t.Name)
                .Order(),
            Sections.Values.Select(t => t.Name).Order());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Page_Section_IsTheOptionsClass(string section)
    {
        string page = await File.ReadAllTextAsync(Page);
        int heading = page.IndexOf($"\n## {section}\n", StringComparison.Ordinal);
        Assert.True(heading >= 0, $"docs/configuration.md: expected a heading '## {section}' with a table, found none.");
        int from = page.IndexOf("\n| key |", heading, StringComparison.Ordinal) + 1;
        int to = page.IndexOf("\n\n", from, StringComparison.Ordinal) + 1;
        string table = OptionsTable.Of(section, Sections[section]);
        if (Environment.GetEnvironmentVariable("DOCS") == "write")
        {
            await File.WriteAllTextAsync(Page, page[..from] + table + page[to..]);
            return;
        }

        Assert.Equal(table, page[from..to]);
    }

    [Fact]
    public async Task AppSettings_Keys_AreTheOptions()
    {
        using JsonDocument settings = JsonDocument.Parse(await File.ReadAllTextAsync(AppSettings));

        Assert.Equal(Sections.Keys.Append("Serilog").Order(), settings.RootElement.EnumerateObject().Select(s => s.Name).Order());
        Assert.All(Sections, section => Assert.Equal(
            section.Value.GetProperties()
                .Select(option => option.Name)
                .Order(), settings.RootElement.GetProperty(section.Key)
                .EnumerateObject()
                .Select(option => option.Name)
                .Order()));
    }

    [Fact]
    public void AppSettings_Values_AreTheDefaultsButForTheModel()
    {
        IConfiguration settings = new ConfigurationBuilder()
            .AddJsonFile(AppSettings)
            .AddInMemoryCollection([new("Models:Default", null)])
            .Build();

        Assert.All(
            Sections,
            section =>
                Assert.Equal(
                    Values(Activator.CreateInstance(section.Value)!),
                    Values(settings.GetSection(section.Key).Get(section.Value)!)));

        // An empty text is none.
        static IEnumerable<object?> Values(object options) =>
            options.GetType()
                .GetProperties()
                .Where(option => option.PropertyType.IsValueType || option.PropertyType == typeof(string))
                .Select(option => option.GetValue(options) is var value and not "" ? value : null);
    }
}

using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Telemetry;

/// <summary>Dashboard, rules and documentation speak of metrics that there are.</summary>
[Collection(SharedServer.Name)]
public sealed partial class DashboardTests(SegmentationServer server)
{
    [Theory]
    [InlineData("deploy/grafana/dashboards/inference-server.json")]
    [InlineData("deploy/prometheus/rules.yml")]
    [InlineData("docs/observability.md")]
    public void Names_InFile_AreInstruments(string file)
    {
        HashSet<string> instruments = Instruments();

        IEnumerable<string> unknown = Used(file).Where(name =>
            !instruments.Contains(name) && !instruments.Contains(HistogramSuffix().Replace(name, "")));

        Assert.Empty(unknown);
    }

    [Fact]
    public void Instruments_All_AreDocumented() => Assert.Empty(Instruments().Except(Used("docs/observability.md")));

    // Recorded names contain a colon: seg_requests:rate1m.
    [GeneratedRegex(@"(?<![\w:])seg_\w+(?!\w*:)")]
    private static partial Regex Name();

    [GeneratedRegex("_(bucket|sum|count)$", RegexOptions.ExplicitCapture)]
    private static partial Regex HistogramSuffix();

    private static IEnumerable<string> Used(string file) =>
        Name().Matches(File.ReadAllText(Path.Combine(Repository.Root, file))).Select(m => m.Value).Distinct();

    private HashSet<string> Instruments()
    {
        HashSet<string> names = [];
        object factory = server.Services.GetRequiredService<IMeterFactory>();
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == SegmentationMetrics.MeterName && instrument.Meter.Scope == factory)
                {
                    names.Add(instrument.Name);
                }
            },
        };
        listener.Start();
        return names;
    }
}

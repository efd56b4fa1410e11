using System.Diagnostics;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Telemetry;

/// <summary>Name, type, unit, labels, exemplars and help of every metric, as dashboards, rules and stored series know
/// them: compared with the list in metrics.txt.</summary>
public sealed class MetricNamesTests
{
    private const string OpenMetrics = "application/openmetrics-text";
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")] // Prometheus 2
    // Prometheus 3.
    [InlineData(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
        "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4," +
        "*/*;q=0.2")]
    public async Task Scrape_EachFormat_HasTheMetricsOfTheList(string accept)
    {
        bool isOpenMetrics = accept.StartsWith(OpenMetrics, StringComparison.Ordinal);
        string list = Path.Combine(Repository.Root, "tests/InferenceServer.Tests/Telemetry/metrics.txt");
        string[] lines = await File.ReadAllLinesAsync(list);
        string[] expected = [.. lines.Select(line => isOpenMetrics ? line : WithoutOpenMetrics(line))];
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        await UseAllAsync(server);

        using CancellationTokenSource timeout = new(MaxWait);
        string[] actual;
        do
        {
            using HttpResponseMessage response = await RequestAsync(server, HttpMethod.Get, "/metrics", accept);
            Exposition page = new(await response.Content.ReadAsStringAsync(), isOpenMetrics);
            actual = [.. page.Families.Values.Select(family => Line(family, isOpenMetrics)).Order(StringComparer.Ordinal)];
        }
        // A request is counted a moment after its answer.
        while (!actual.SequenceEqual(expected) && !timeout.IsCancellationRequested);

        Assert.True(
            actual.SequenceEqual(expected),
            $"Missing:\n{string.Join('\n', expected.Except(actual))}\nNot in the " +
            $"list:\n{string.Join('\n', actual.Except(expected))}");
    }

    // Units and exemplars are in OpenMetrics only.
    private static string WithoutOpenMetrics(string line)
    {
        string[] columns = line.Split('\t');
        return string.Join('\t', columns[0], columns[1], "", columns[3], "", columns[5]);
    }

    private static string Line(MetricFamily family, bool isOpenMetrics)
    {
        bool isNamedAsItsSample = family.Type == "counter" && !isOpenMetrics;
        Assert.Equal(isNamedAsItsSample, family.Name.EndsWith("_total", StringComparison.Ordinal));
        string name = isNamedAsItsSample ? family.Name[..^"_total".Length] : family.Name;
        return string.Join(
            '\t', name, family.Type, family.Unit, string.Join(',', family.Labels),
            family.Exemplars > 0 ? "exemplars" : "", family.Help);
    }

    // An instrument appears with its first measurement.
    private static async Task UseAllAsync(SegmentationServer server)
    {
        (await RequestAsync(server, HttpMethod.Post, "/v1/segment/tiny", "*/*")).Dispose();
        (await RequestAsync(server, HttpMethod.Post, "/v1/segment/none", "*/*")).Dispose();
        SegmentationMetrics metrics = server.Services.GetRequiredService<SegmentationMetrics>();
        metrics.Cancelled(Stage.Read);
        metrics.Reloaded("tiny", succeeded: true);
        GC.Collect();
        using Activity trace = new Activity("test") { ActivityTraceFlags = ActivityTraceFlags.Recorded }.Start();
        Assert.Throws<InvalidOperationException>(void () => throw new InvalidOperationException("One of dotnet_exceptions_total."));
    }

    // Each on a connection of its own, which is counted when it ends.
    private static async Task<HttpResponseMessage> RequestAsync(SegmentationServer server, HttpMethod method, string path, string accept)
    {
        using HttpRequestMessage request = new(method, path);
        request.Content = method == HttpMethod.Post ? Photo.Content(Photo.Png) : null;
        request.Headers.Connection.Add("close");
        request.Headers.TryAddWithoutValidation("Accept", accept);
        request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        return await server.Client.SendAsync(request);
    }
}

using System.Globalization;

namespace InferenceServer.LoadTests.Contenders;

/// <summary>Figures of the managed heap, from a server's <c>/metrics</c>.</summary>
internal sealed class ManagedHeap(Uri server) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = server, Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>Bytes allocated since the start; null where the server does not tell.</summary>
    public Task<long?> AllocatedAsync() => SumAsync("dotnet_gc_heap_total_allocated");

    /// <summary>Bytes in use after the last collection; null where the server does not tell.</summary>
    public Task<long?> SizeAsync() => SumAsync("dotnet_gc_last_collection_heap_size");

    public void Dispose() => _http.Dispose();

    private async Task<long?> SumAsync(string metric)
    {
        try
        {
            string text = await _http.GetStringAsync(new Uri("/metrics", UriKind.Relative)).ConfigureAwait(false);
            double[] values = [.. text.Split('\n').Where(l => l.StartsWith(metric, StringComparison.Ordinal)).Select(Value)];
            return values.Length == 0 ? null : (long)values.Sum();
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    // name{labels} value [timestamp]
    private static double Value(string line) =>
        double.Parse(
            line[(line.LastIndexOf('}') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [.. var parts]
                && line.Contains('}')
        ? parts[0]
        : line.Split(' ')[1], CultureInfo.InvariantCulture);
}

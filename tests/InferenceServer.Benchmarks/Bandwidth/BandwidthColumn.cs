using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Parameters;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace InferenceServer.Benchmarks.Bandwidth;

/// <summary>A column of GB/s, or of that as a share of what a copy in memory reaches, measured in the same run.</summary>
/// <remarks>More than 100 % is possible: what fits into a cache never waits for memory.</remarks>
internal sealed class BandwidthColumn(bool share) : IColumn
{
    private const double Giga = 1e9;

    public string Id => nameof(BandwidthColumn) + ColumnName;

    public string ColumnName => share ? "Of copy" : "GB/s";

    public bool AlwaysShow => false;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => share ? 1 : 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => share
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"GB/s by the {CopyBandwidth.BytesPerSecond / Giga:F1} GB/s that one thread's copy reads and writes")
        : "Bytes of input and output by the mean time";

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style)
    {
        if (Create(benchmarkCase) is not { } moves || summary[benchmarkCase]?.ResultStatistics is not { } statistics)
        {
            return "-";
        }

        double perSecond = moves.Bytes / (statistics.Mean / Giga); // the mean is in nanoseconds
        return share
            ? (perSecond / CopyBandwidth.BytesPerSecond).ToString("P0", CultureInfo.InvariantCulture)
            : (perSecond / Giga).ToString("F2", CultureInfo.InvariantCulture);
    }

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public bool IsAvailable(Summary summary) => summary.BenchmarksCases.Any(c => typeof(IMovesBytes).IsAssignableFrom(c.Descriptor.Type));

    private static IMovesBytes? Create(BenchmarkCase benchmarkCase)
    {
        Type type = benchmarkCase.Descriptor.Type;
        if (!typeof(IMovesBytes).IsAssignableFrom(type))
        {
            return null;
        }

        object instance = Activator.CreateInstance(type)!;
        foreach (ParameterInstance parameter in benchmarkCase.Parameters.Items)
        {
            type.GetProperty(parameter.Name)?.SetValue(instance, parameter.Value);
        }

        return (IMovesBytes)instance;
    }
}

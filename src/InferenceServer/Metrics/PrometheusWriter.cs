using System.Globalization;
using System.Text;
using InferenceServer.Runtime.Buffers;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace InferenceServer.Metrics;

/// <summary>Writes families of metrics as text.</summary>
internal sealed class PrometheusWriter(PooledBufferWriter output, PrometheusFormat format)
{
    private bool IsOpenMetrics => format == PrometheusFormat.OpenMetrics;

    /// <summary>What stands before a family's samples.</summary>
    /// <param name="family">Of <see cref="PrometheusName.Family"/>.</param>
    /// <param name="type">counter, gauge or histogram.</param>
    /// <param name="unit">Of <see cref="PrometheusName.Unit"/>.</param>
    /// <param name="help">One line or more, in any characters.</param>
    public void Head(string family, string type, string? unit, string help)
    {
        // The older format calls a counter by the name of its sample.
        string name = type == "counter" && !IsOpenMetrics ? family + "_total" : family;
        Write($"# TYPE {name} {type}\n");
        if (IsOpenMetrics && unit is not null)
        {
            Write($"# UNIT {name} {unit}\n");
        }

        if (help.Length > 0)
        {
            Write($"# HELP {name} {Escape(help, quotes: IsOpenMetrics)}\n");
        }
    }

    /// <summary>Tags as labels; empty values are the same as none.</summary>
    public static string Labels(in ReadOnlyTagCollection tags)
    {
        StringBuilder labels = new();
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            string? text = tag.Value is bool flag ? (flag ? "true" : "false") : Convert.ToString(tag.Value, CultureInfo.InvariantCulture);
            if (!string.IsNullOrEmpty(text))
            {
                labels.Append(labels.Length == 0 ? "" : ",").Append(PrometheusName.Sanitize(tag.Key)).Append("=\"").Append(Escape(text, quotes: true)).Append('"');
            }
        }

        return labels.ToString();
    }

    /// <summary>One line.</summary>
    /// <param name="name">The family's, with a suffix where its type wants one.</param>
    /// <param name="labels">Of <see cref="Labels"/>.</param>
    /// <param name="value">The value.</param>
    /// <param name="exemplar">A measurement that was counted in this line, and its trace; OpenMetrics only.</param>
    public void Sample(string name, string labels, double value, in (double Value, Exemplar Origin)? exemplar = null)
    {
        Write(labels.Length == 0 ? $"{name} {Number(value)}" : $"{name}{{{labels}}} {Number(value)}");
        if (IsOpenMetrics && exemplar is { } seen)
        {
            double seconds = (seen.Origin.Timestamp - DateTimeOffset.UnixEpoch).TotalSeconds;
            Write($" # {{trace_id=\"{seen.Origin.TraceId}\",span_id=\"{seen.Origin.SpanId}\"}} {Number(seen.Value)} {seconds.ToString("F3", CultureInfo.InvariantCulture)}");
        }

        Write("\n");
    }

    /// <summary>The line of a histogram's bucket.</summary>
    /// <param name="family">The family's name.</param>
    /// <param name="labels">Of <see cref="Labels"/>.</param>
    /// <param name="bound">Its upper bound, which is inside.</param>
    /// <param name="count">Measurements in it and in all below.</param>
    /// <param name="exemplar">As for <see cref="Sample"/>.</param>
    public void Bucket(string family, string labels, double bound, long count, in (double Value, Exemplar Origin)? exemplar = null) =>
        Sample(family + "_bucket", $"{labels}{(labels.Length == 0 ? "" : ",")}le=\"{Canonical(bound)}\"", count, exemplar);

    /// <summary>What stands after the last family.</summary>
    public void End()
    {
        if (IsOpenMetrics)
        {
            Write("# EOF\n");
        }
    }

    // OpenMetrics wants 1.0 where a bound is whole, so that the same bucket is the same series whoever writes it.
    private string Canonical(double bound) => IsOpenMetrics && double.IsInteger(bound) && Math.Abs(bound) < 1e15 ? bound.ToString("F1", CultureInfo.InvariantCulture) : Number(bound);

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture), // NaN is NaN
    };

    private static string Escape(string text, bool quotes)
    {
        text = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? text.Replace("\"", "\\\"", StringComparison.Ordinal) : text;
    }

    private void Write(string text) => output.Advance(Encoding.UTF8.GetBytes(text, output.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length))));
}

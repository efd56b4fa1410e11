using System.Globalization;
using InferenceServer.Runtime;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Parses and limits the header <c>grpc-timeout</c>: up to eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    private const string Header = "grpc-timeout";
    private const int MostDigits = 8;
    private static readonly long Longest = TimeSpan.FromDays(1).Ticks; // longer than any request's timeout

    /// <exception cref="SegmentationException">The text is not a timeout.</exception>
    public static TimeSpan? Read(HttpRequest request)
    {
        if (request.Headers[Header] is not [{ } text])
        {
            return null;
        }

        return Parse(text)
            ?? throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"{Header}: expected up to {MostDigits} digits and one of H, M, S, m, u, n, got '{text}'.");
    }

    /// <summary>Sets the header to the call's own deadline or the longest one, whichever is sooner, in a form that the
    /// framework accepts.</summary>
    public static void Shorten(HttpRequest request, TimeSpan longest)
    {
        TimeSpan sooner = longest;
        if (request.Headers[Header] is [{ } text] && Parse(text) is { } own && own < longest)
        {
            sooner = own;
        }

        request.Headers[Header] = string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(sooner.TotalMilliseconds)}m");
    }

    private static TimeSpan? Parse(string text) =>
        text.Length is > 1 and <= MostDigits + 1
            && long.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && Unit(text[^1]) is { } unit
            // A deadline that has passed is still a deadline, and no deadline is shorter than the clock's tick.
            ? TimeSpan.FromTicks(Math.Clamp((long)(number * unit), 1, Longest))
            : null;

    private static double? Unit(char unit) => unit switch
    {
        'H' => TimeSpan.TicksPerHour,
        'M' => TimeSpan.TicksPerMinute,
        'S' => TimeSpan.TicksPerSecond,
        'm' => TimeSpan.TicksPerMillisecond,
        'u' => TimeSpan.TicksPerMicrosecond,
        'n' => 1.0 / TimeSpan.NanosecondsPerTick,
        _ => null,
    };
}

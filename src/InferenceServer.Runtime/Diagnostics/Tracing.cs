using System.Diagnostics;

namespace InferenceServer.Runtime.Diagnostics;

/// <summary>The spans of a request; none are made without a listener.</summary>
internal static class Tracing
{
    /// <summary>Name of the activity source.</summary>
    public const string SourceName = "InferenceServer";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>Starts the span of a whole request below the current one, which is the web server's.</summary>
    /// <returns>The span; the caller disposes it. Null without a listener.</returns>
    public static Activity? StartRequest() => Source.StartActivity("segment");

    internal static Activity? Start(string stage, Activity? parent)
    {
        if (Source.HasListeners())
        {
            return Source.StartActivity(stage, ActivityKind.Internal, parent?.Context ?? default);
        }

        return null;
    }

    /// <summary>A span that has ended.</summary>
    internal static void Record(string stage, Activity? parent, TimeSpan duration, TimeSpan ago)
    {
        if (!Source.HasListeners())
        {
            return;
        }

        DateTimeOffset end = DateTimeOffset.UtcNow - ago;
        using Activity? span = Source.StartActivity(stage, ActivityKind.Internal, parent?.Context ?? default, startTime: end - duration);
        span?.SetEndTime(end.UtcDateTime);
    }
}

using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Parameters;

namespace InferenceServer.OpenInference;

/// <summary>The parameters that the protocol reserves.</summary>
internal static class ProtocolParameters
{
    private static readonly string[] Sequence = ["sequence_id", "sequence_start", "sequence_end"];

    /// <summary>Longest timeout in microseconds; more would overflow, and the server's own limit is shorter.</summary>
    private const long LongestTimeout = 1L << 50;

    /// <summary>Applies a request's timeout and priority.</summary>
    /// <exception cref="SegmentationException">The request needs an unsupported extension.</exception>
    public static void Apply(InferRequest request, AdmittedRequest admitted)
    {
        if (Sequence.Any(name => request.Parameters.Text(name) is not (null or "" or "0" or "false")))
        {
            throw Missing("sequence", "models keep no state between requests");
        }

        if (request.Inputs.Any(i => i.Parameters.Has("shared_memory_region"))
            || request.Outputs.Any(o => o.Parameters.Has("shared_memory_region")))
        {
            throw Missing("shared_memory", "send tensors in the request");
        }

        if (request.Outputs.Any(o => o.Parameters.Number("classification") > 0))
        {
            throw Missing("classification", "an output is scores or labels for each pixel");
        }

        // Checks the values before the network runs, not when the response is written.
        foreach (InferOutput output in request.Outputs)
        {
            output.Parameters.Flag(InferRequest.BinaryData);
        }

        // 0 means no priority, as with the timeout; 1 is the protocol's highest class.
        Priority priority = request.Parameters.Number("priority") switch
        {
            null or 0 => admitted.Priority,
            1 => Priority.Interactive,
            _ => Priority.Background,
        };
        long timeout = request.Parameters.Number("timeout") ?? 0;
        admitted.Amend(timeout == 0 ? null : TimeSpan.FromMicroseconds(Math.Min(timeout, LongestTimeout)), priority);
    }

    /// <summary>The error of a request for an unsupported extension.</summary>
    public static SegmentationException Missing(string extension, string instead) =>
        new(ErrorTable.NotSupported, $"The extension '{extension}' is not supported: {instead}.");
}

/// <summary>Parameters of the image form: those of <c>/v1/segment</c> with the same names and limits.</summary>
internal static class ImageParameters
{
    /// <exception cref="SegmentationException">A parameter's value is not allowed.</exception>
    public static SegmentSettings Read(InferParameters parameters)
    {
        SegmentSettings settings = SegmentSettings.Default;
        foreach (RequestParameter parameter in RequestParameters.All)
        {
            bool isTaken = parameter.Group is ParameterGroup.Passes or ParameterGroup.Refinement;
            if (isTaken && parameters.Text(parameter.Name) is { } text)
            {
                settings = parameter.Apply(settings, text);
            }
        }

        return settings;
    }
}

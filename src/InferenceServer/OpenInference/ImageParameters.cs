using InferenceServer.Runtime;
using InferenceServer.Runtime.Parameters;

namespace InferenceServer.OpenInference;

/// <summary>What a request to the image form wants beside the mask: parameters that are called as in the query of
/// <c>/v1/segment</c>, with the same limits.</summary>
internal static class ImageParameters
{
    /// <exception cref="SegmentationException">A parameter's value is not allowed.</exception>
    public static SegmentSettings Read(InferParameters parameters)
    {
        SegmentSettings settings = SegmentSettings.Default;
        foreach (
            RequestParameter parameter in RequestParameters.All.Where(p =>
                p.Group is ParameterGroup.Passes or ParameterGroup.Refinement))
        {
            settings = parameters.Text(parameter.Name) is { } text ? parameter.Apply(settings, text) : settings;
        }

        return settings;
    }
}

using InferenceServer.Runtime;
using InferenceServer.Runtime.Parameters;

namespace InferenceServer.OpenInference;

/// <summary>Parameters of the image form: those of <c>/v1/segment</c> with the same names and limits.</summary>
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

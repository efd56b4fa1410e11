using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Segment;

namespace InferenceServer.OpenInference;

/// <summary>What a request to the image form wants beside the mask: parameters that are called as in the query of <c>/v1/segment</c>, with the same limits.</summary>
internal static class ImageParameters
{
    /// <exception cref="SegmentationException">A parameter is no number, or no word that is known.</exception>
    public static SegmentationRequest Read(InferParameters parameters, ReadOnlyMemory<byte> image, StageTimings timings)
    {
        SegmentQuery query = new()
        {
            Mode = parameters.Text("mode"),
            Resize = parameters.Text("resize"),
            Crop = parameters.Text("crop"),
            StrideRate = parameters.Text("stride_rate"),
            Scales = parameters.Text("scales"),
            Flip = parameters.Text("flip"),
            Fuse = parameters.Text("fuse"),
            Refine = parameters.Text("refine"),
            CrfIterations = parameters.Text("crf.iterations"),
            GaussianWeight = parameters.Text("crf.gaussian.weight"),
            GaussianXy = parameters.Text("crf.gaussian.xy"),
            BilateralWeight = parameters.Text("crf.bilateral.weight"),
            BilateralXy = parameters.Text("crf.bilateral.xy"),
            BilateralRgb = parameters.Text("crf.bilateral.rgb"),
            CrfQuality = parameters.Text("crf.quality"),
        };
        (bool? refine, CrfOverrides crf) = RefinementQuery.Parse(query);
        return new SegmentationRequest { Image = image, Inference = InferenceQuery.Parse(query), Refine = refine, Crf = crf, Timings = timings };
    }
}

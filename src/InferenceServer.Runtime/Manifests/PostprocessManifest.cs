using System.Text.Json;
using System.Text.Json.Serialization;
using DenseCrf;

namespace InferenceServer.Runtime.Manifests;

/// <summary>From the graph's output to labels.</summary>
internal sealed record PostprocessManifest
{
    /// <summary>The function from logits to probabilities: <c>softmax</c>, or <c>sigmoid</c> for
    /// <c>binary_logit</c>.</summary>
    public string? Activation { get; init; }

    /// <summary>Divides the logits: above 1 for a network that is too sure of itself (Guo et al., ICML 2017). Labels of
    /// one pass stay, but for those of thresholds; probabilities change. <c>evaluate --calibration</c> measures it.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Whether the corners are aligned in the upsampling from the output's size to the input's
    /// size.</summary>
    public bool AlignCorners { get; init; }

    /// <summary>Probability above which a binary output gives the second class, and a class of a multilabel output
    /// claims a pixel: one number, or one for each class. Default 0.5.</summary>
    [JsonConverter(typeof(NumbersConverter))]
    public IReadOnlyList<float>? Threshold { get; init; }

    /// <summary>The class of pixels that no class of a multilabel output claims: one of the names, or another name for
    /// the label <c>classes.ignore</c>.</summary>
    public string? None { get; init; }

    /// <summary>The label of pixels where no band has data; null leaves the network's.</summary>
    public int? NodataLabel { get; init; }

    /// <summary>Parameters of the fully connected CRF.</summary>
    public CrfManifest? Crf { get; init; }
}

/// <summary>Thresholds: one, or one for each class.</summary>
internal sealed class NumbersConverter : OneOrManyConverter<float>
{
    protected override float Number(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Number)
        {
            return reader.GetSingle();
        }

        throw new JsonException("expected a number, or a list with a number for each class");
    }
}

/// <summary>Parameters of the fully connected CRF, kept with the model.</summary>
internal sealed record CrfManifest
{
    /// <summary>Why a CRF cannot refine the masks of a model; null where it can.</summary>
    public static string? Obstacle(OutputKind kind, int classes)
    {
        if (kind == OutputKind.Labels)
        {
            return "a graph that ends in labels has nothing to refine";
        }

        if (kind.IsMultilabel())
        {
            return "its classes may overlap, and a CRF gives each pixel one class";
        }

        if (classes > CrfInference.MaxLabels)
        {
            return $"a CRF takes at most {CrfInference.MaxLabels} classes, and the model has {classes}";
        }

        return null;
    }

    /// <summary>Whether masks are refined where the request does not say.</summary>
    public bool Default { get; init; }

    /// <summary>Mean-field iterations.</summary>
    public int Iterations { get; init; } = 10;

    /// <summary>The smoothness kernel: weight and standard deviation in pixels.</summary>
    public KernelManifest? Gaussian { get; init; }

    /// <summary>The appearance kernel: weight, standard deviation in pixels and in 8-bit colour steps.</summary>
    public KernelManifest? Bilateral { get; init; }
}

/// <summary>One pairwise kernel of the CRF.</summary>
internal sealed record KernelManifest
{
    /// <summary>Weight of the kernel.</summary>
    public required float Weight { get; init; }

    /// <summary>Standard deviation of the position, in pixels.</summary>
    public required float Xy { get; init; }

    /// <summary>Standard deviation of the colour, in 8-bit steps.</summary>
    public float? Rgb { get; init; }
}

using System.Globalization;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The smallest and the largest finite value of samples; both 0 as long as there is none.</summary>
internal sealed class SampleRange
{
    private float _least = float.PositiveInfinity, _most = float.NegativeInfinity;

    /// <summary>The smallest value.</summary>
    public double Least => _least <= _most ? _least : 0;

    /// <summary>The largest value.</summary>
    public double Most => _least <= _most ? _most : 0;

    /// <summary>Sees some samples.</summary>
    public void See(ReadOnlySpan<float> samples)
    {
        foreach (float sample in samples)
        {
            if (float.IsFinite(sample))
            {
                (_least, _most) = (Math.Min(_least, sample), Math.Max(_most, sample));
            }
        }
    }

    /// <summary>Whether a type's largest value is white without a look at the samples.</summary>
    /// <param name="white">The largest value of the type; null for signed and floating-point numbers.</param>
    public static bool IsKnown(double? white) => white < ushort.MaxValue;

    /// <summary>Checks that the image says by itself which value is white: samples of up to 15 bits, or deeper ones that
    /// use their whole range.</summary>
    /// <param name="white">The largest value of the type; null for signed and floating-point numbers.</param>
    /// <param name="type">The type's name.</param>
    /// <param name="least">The smallest value of the image.</param>
    /// <param name="most">The largest value of the image.</param>
    /// <param name="hasChoices">Whether the request can say which values are black and white.</param>
    /// <returns>The value that is white.</returns>
    /// <exception cref="SegmentationException">It does not.</exception>
    public static float Check(double? white, string type, double least, double most, bool hasChoices)
    {
        bool isKnown = IsKnown(white) || most > white / 2 || (least == 0 && most == 0);
        if (white is { } value && isKnown)
        {
            return (float)value;
        }

        string remedy = "Convert it to 8 bits.";
        if (hasChoices)
        {
            remedy = "Say them: value_scaling=min-max:BLACK,WHITE in the request, or preprocess.value_scaling in the manifest.";
        }

        string range = string.Create(CultureInfo.InvariantCulture, $"{least:G6} to {most:G6}");
        throw new SegmentationException(
            SegmentationError.UndecodableImage,
            $"Expected an image of 8 bits; the image has samples of {type} with values of {range}, and does not say which values are " +
            $"black and white. {remedy}");
    }
}

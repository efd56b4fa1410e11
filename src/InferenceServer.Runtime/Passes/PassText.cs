using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Passes;

/// <summary>How people write what they want of the passes, in a query and at a prompt alike.</summary>
internal static class PassText
{
    /// <summary>What <see cref="TryCrop"/> takes.</summary>
    public const string CropForm = "a side in pixels, or WIDTHxHEIGHT";

    /// <summary>What <see cref="TryScales"/> takes.</summary>
    public const string ScalesForm = "numbers with commas between them, for instance 0.75,1,1.25";

    /// <summary>Reads <c>512</c> as a square and <c>768x512</c> as width and height.</summary>
    public static bool TryCrop(string text, out ImageSize crop)
    {
        string[] sides = text.Split('x');
        crop = default;
        if (sides.Length > 2 || !TrySide(sides[0], out int width) || !TrySide(sides[^1], out int height))
        {
            return false;
        }

        crop = new ImageSize(width, height);
        return true;
    }

    /// <summary>Reads <c>0.75,1,1.25</c>.</summary>
    public static bool TryScales(string text, [NotNullWhen(true)] out IReadOnlyList<double>? scales)
    {
        string[] numbers = text.Split(',');
        double[] read = new double[numbers.Length];
        bool all = true;
        for (int i = 0; i < numbers.Length && all; i++)
        {
            all = double.TryParse(numbers[i], NumberStyles.Float, CultureInfo.InvariantCulture, out read[i]);
        }

        scales = all ? read : null;
        return all;
    }

    private static bool TrySide(string text, out int side) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out side) && side > 0;
}

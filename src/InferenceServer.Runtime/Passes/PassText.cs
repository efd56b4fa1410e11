using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Passes;

/// <summary>Parses crops and scales, in a query and on the command line alike.</summary>
internal static class PassText
{
    /// <summary>The text that <see cref="TryCrop"/> accepts.</summary>
    public const string CropForm = "a side in pixels, or WIDTHxHEIGHT";

    /// <summary>The text that <see cref="TryScales"/> accepts.</summary>
    public const string ScalesForm = "numbers with commas between them, for instance 0.75,1,1.25";

    /// <summary>Parses <c>512</c> as a square and <c>768x512</c> as width and height.</summary>
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

    /// <summary>Parses <c>0.75,1,1.25</c>.</summary>
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

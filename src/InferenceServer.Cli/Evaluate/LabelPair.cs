using InferenceServer.Cli.Hosting;

namespace InferenceServer.Cli.Evaluate;

/// <summary>An image and its truth.</summary>
/// <param name="Image">The image's path.</param>
/// <param name="Label">The label map's path.</param>
internal sealed record LabelPair(string Image, string Label)
{
    private const int Shown = 5;

    /// <summary>Pairs every image with the PNG of the same base name; labels without an image are left alone.</summary>
    /// <exception cref="CommandException">A folder or a label is missing, or two images have the same base name.</exception>
    public static IReadOnlyList<LabelPair> Find(string images, string labels)
    {
        foreach (string folder in new[] { images, labels })
        {
            if (!Directory.Exists(folder))
            {
                throw new CommandException($"There is no folder '{folder}'.");
            }
        }

        LabelPair[] pairs = [.. ImageFiles.Expand([images]).Select(image => new LabelPair(image, Path.Combine(labels, Path.GetFileNameWithoutExtension(image) + ".png")))];
        if (pairs.GroupBy(pair => pair.Label).FirstOrDefault(group => group.Count() > 1)?.ToArray() is [var first, var second, ..])
        {
            throw new CommandException($"'{first.Image}' and '{second.Image}' would share the label '{first.Label}'.");
        }

        string[] missing = [.. pairs.Where(pair => !File.Exists(pair.Label)).Select(pair => Path.GetFileName(pair.Label))];
        if (missing.Length > 0)
        {
            string more = missing.Length > Shown ? ", …" : "";
            throw new CommandException($"{missing.Length} of {pairs.Length} images have no label in '{labels}': {string.Join(", ", missing.Take(Shown))}{more}");
        }

        return pairs;
    }
}

namespace InferenceServer.Kernels.Coloring;

/// <summary>The classes of a data set: their names, colours and, where they differ, the ids its server expects.</summary>
public sealed class ClassSet
{
    internal ClassSet(string id, string title, string names, Palette palette, byte[]? submitIds = null)
    {
        Id = id;
        Title = title;
        Names = names.Split(',', StringSplitOptions.TrimEntries);
        Palette = palette;
        SubmitIds = submitIds;
    }

    /// <summary>The key in <see cref="ClassSets"/>: lower case, no blanks.</summary>
    public string Id { get; }

    /// <summary>The data set's name as people write it.</summary>
    public string Title { get; }

    /// <summary>Class names by label, void not among them.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>At least one colour a class; black past its end, which is how void is drawn.</summary>
    public Palette Palette { get; }

    /// <summary>By label, the id to write into a submission; null where labels are submitted as they are.</summary>
    public IReadOnlyList<byte>? SubmitIds { get; }
}

using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Inspection;

/// <summary>What the caller of an inspection says of a graph.</summary>
internal sealed record InspectionRequest
{
    /// <summary>The model's folder; null leaves the name out, and the name of the folder is used.</summary>
    public string? Name { get; init; }

    /// <summary>Name of the image input; null chooses one.</summary>
    public string? Input { get; init; }

    /// <summary>Name of the output; null chooses one, and refuses outputs that do not look like a mask.</summary>
    public string? Output { get; init; }

    /// <summary>Names of the classes; null takes those that the exporter left.</summary>
    public IReadOnlyList<string>? Classes { get; init; }
}

/// <summary>What an inspection showed about a graph, and the manifest that follows from it.</summary>
internal sealed record ModelInspection
{
    /// <summary>The rules for sides, the least strict first; empty where the file declares one fixed size.</summary>
    public required IReadOnlyList<SizeRule> Rules { get; init; }

    /// <summary>The draft, which passed the server's own check.</summary>
    public required ModelManifest Manifest { get; init; }

    /// <summary>The draft as text, with the origin of its values as comments.</summary>
    public required string Text { get; init; }

    /// <summary>Channels of the output; 1 where the output holds labels.</summary>
    public required int Channels { get; init; }

    /// <summary>Input and output of a trial run.</summary>
    public required (ImageSize Input, ImageSize Grid) Seen { get; init; }

    /// <summary>What was added to the graph so that it can be served, one phrase each.</summary>
    public required IReadOnlyList<string> Added { get; init; }

    /// <summary>Where values of the draft come from; a person who knows the model must check every guess.</summary>
    public required IReadOnlyList<DraftNote> Notes { get; init; }
}

/// <summary>A remark on a draft.</summary>
/// <param name="Kind">What the remark is.</param>
/// <param name="Key">The manifest's key; empty for a remark on the whole.</param>
/// <param name="Text">Where the value comes from, or what is doubtful.</param>
internal sealed record DraftNote(DraftNoteKind Kind, string Key, string Text)
{
    /// <summary>The text for the place of the key itself.</summary>
    public string Comment
    {
        get
        {
            if (Kind == DraftNoteKind.Taken)
            {
                return Text;
            }

            return $"{Kind}: {Text}";
        }
    }

    public override string ToString()
    {
        if (Key.Length == 0)
        {
            return $"{Kind}: {Text}";
        }

        return $"{Kind}: {Key}: {Text}";
    }
}

/// <summary>What a remark on a draft is.</summary>
internal enum DraftNoteKind
{
    /// <summary>A value that the file, its exporter or a run shows.</summary>
    Taken,

    /// <summary>A guess, which a person who knows the model must check.</summary>
    Assumed,

    /// <summary>What is doubtful, or could not be used.</summary>
    Check,
}

/// <summary>A rule for sides, multiple·k + offset, and whether a graph runs with such sides.</summary>
/// <param name="Multiple">The step between the sides.</param>
/// <param name="Offset">Added to the multiples.</param>
/// <param name="Tried">The tried sizes: odd multiples, so that no larger step explains a success.</param>
/// <param name="Works">Whether the graph ran with all tried sizes.</param>
internal sealed record SizeRule(int Multiple, int Offset, IReadOnlyList<ImageSize> Tried, bool Works);

using System.Globalization;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Names and colours of a model's classes, with built-in data sets resolved.</summary>
internal sealed class ClassTable
{
    private const int MaxClasses = ushort.MaxValue; // one label is left for pixels without a class
    private const string Background = "background";

    private ClassTable(IReadOnlyList<string> names, Palette palette, int ignore)
    {
        Names = names;
        Palette = palette;
        Ignore = ignore;
        NoClass = ignore;
    }

    /// <summary>Name of each class, by index.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Colour of each label: 256 entries, or 65,536 for more than 256 classes, so that every label has a
    /// colour.</summary>
    public Palette Palette { get; }

    /// <summary>The label of pixels without a class.</summary>
    public int Ignore { get; }

    /// <summary>The name of <see cref="Ignore"/>.</summary>
    public string Void { get; private init; } = "void";

    /// <summary>The label of pixels that no class of a multilabel output claims.</summary>
    public int NoClass { get; private init; }

    /// <summary>The label of pixels that no class claims, where the manifest gives it a name of its own; else
    /// null.</summary>
    public int? NamedNone { get; private init; }

    /// <summary>The colour of a label, #rrggbb.</summary>
    public string Color(int label)
    {
        (byte red, byte green, byte blue) = Palette[label];
        return $"#{red:x2}{green:x2}{blue:x2}";
    }

    /// <summary>The name of a label, which may be that of no class.</summary>
    public string NameOf(int label)
    {
        if (label < Names.Count)
        {
            return Names[label];
        }

        if (label == Ignore)
        {
            return Void;
        }

        return Number(label);
    }

    /// <summary>Resolves a manifest that passed <see cref="Validate"/>. One name for one score is that of the second of
    /// two classes.</summary>
    public static ClassTable Create(ModelManifest manifest)
    {
        ClassesManifest classes = manifest.Classes;
        if (!IsForeground(classes, manifest.Graph.OutputKind))
        {
            ClassTable table = Create(classes);
            if (manifest.Postprocess.None is not { } none)
            {
                return table;
            }

            int index = table.Names.ToList().IndexOf(none);
            if (index < 0)
            {
                return new ClassTable(table.Names, table.Palette, table.Ignore) { Void = none, NamedNone = table.Ignore };
            }

            return new ClassTable(table.Names, table.Palette, table.Ignore) { NoClass = index };
        }

        IReadOnlyList<string>? palette = classes.Palette;
        if (palette is [['#', ..]])
        {
            palette = ["#000000", .. palette];
        }

        return Create(classes with { Names = [Background, .. classes.Names!], Palette = palette });
    }

    /// <summary>Classes that have numbers for names, in the colours of Pascal VOC.</summary>
    public static ClassTable Numbered(int classes) => Create(new ClassesManifest
    {
        Names = [.. Enumerable.Range(0, classes).Select(Number)], Palette = [ClassSets.Voc.Id],
    });

    /// <inheritdoc cref="Create(ModelManifest)"/>
    public static ClassTable Create(ClassesManifest classes)
    {
        ClassSets.TryGet(classes.Dataset ?? "", out ClassSet? set);
        IReadOnlyList<string> names = classes.Names ?? set!.Names;
        int labels = Labels(names.Count);
        Palette palette = classes.Palette switch
        {
            null => set?.Palette ?? Palette.Voc(labels),
            [string name] when !name.StartsWith('#') => Named(name, labels)!,
            { } colors => Palette.FromHex(string.Join(' ', colors)),
        };
        return new ClassTable(names, Complete(palette, labels), classes.Ignore ?? DefaultIgnore(names.Count));
    }

    /// <summary>The label of pixels without a class, where the manifest names none: the largest.</summary>
    public static int DefaultIgnore(int classes) => Labels(classes) - 1;

    /// <summary>One sentence for each error in the names or the palette.</summary>
    public static IEnumerable<string> Validate(ClassesManifest classes, OutputKind kind = OutputKind.Logits)
    {
        bool builtIn = ClassSets.TryGet(classes.Dataset ?? "", out ClassSet? set);
        int count = classes.Names?.Count ?? set?.Names.Count ?? 0;
        if (classes.Names is null && count == 0)
        {
            yield return $"classes.names: expected a list of names, or a built-in dataset ({BuiltIn})";
        }
        else if (count > MaxClasses || count < Fewest(classes, kind))
        {
            yield return $"classes.names: expected {Fewest(classes, kind)} to {MaxClasses} names, got {count}";
        }
        else if (classes.Names?.Any(string.IsNullOrWhiteSpace) is true)
        {
            yield return "classes.names: expected a name for each class, found an empty one";
        }
        else if (classes.Names is { } names && names.Distinct().Count() != names.Count)
        {
            yield return "classes.names: expected different names; '" + names.GroupBy(n => n)
                .First(g => g.Count() > 1).Key + "' stands twice";
        }

        if (classes.Palette is null)
        {
            if (!builtIn)
            {
                yield return $"classes.palette: expected a palette's name ({BuiltIn}) or one #rrggbb for each class";
            }
        }
        else if (classes.Palette.Any(string.IsNullOrWhiteSpace))
        {
            yield return "classes.palette: expected #rrggbb for each class, found an empty one";
        }
        else if (classes.Palette is [string name] && !name.StartsWith('#'))
        {
            if (Named(name, Labels(count)) is null)
            {
                yield return $"classes.palette: expected a built-in palette ({BuiltIn}), got '{name}'";
            }
            else if (name != "voc" && ClassSets.TryGet(name, out ClassSet? named) && named.Names.Count < count)
            {
                yield return $"classes.palette: '{name}' has {named.Names.Count} colours, expected one for each of {count} classes";
            }
        }
        else if (classes.Palette.FirstOrDefault(c => !IsColor(c)) is { } wrong)
        {
            yield return $"classes.palette: expected colours as #rrggbb, got '{wrong}'";
        }
        else if (count > 0 && classes.Palette.Count != count)
        {
            yield return $"classes.palette: expected {count} colours, one for each class, got {classes.Palette.Count}";
        }

        if (classes.Ignore is { } ignore && (ignore < 0 || ignore > DefaultIgnore(count)))
        {
            yield return $"classes.ignore: expected 0 to {DefaultIgnore(count)}";
        }
    }

    private static string Number(int label) => string.Create(CultureInfo.InvariantCulture, $"class_{label}");

    private static string BuiltIn => string.Join(", ", ClassSets.All.Select(s => s.Id));

    // Labels are bytes where the classes fit, else 16-bit numbers.
    private static int Labels(int classes)
    {
        if (classes > ArgMax.MaxClasses)
        {
            return ArgMax.MaxWideClasses;
        }

        return ArgMax.MaxClasses;
    }

    private static int Fewest(ClassesManifest classes, OutputKind kind)
    {
        if (kind.IsMultilabel() || IsForeground(classes, kind))
        {
            return 1;
        }

        return 2;
    }

    private static bool IsForeground(ClassesManifest classes, OutputKind kind) =>
        classes.Names?.Count == 1
            && kind is OutputKind.BinaryLogit or OutputKind.BinaryProbability or OutputKind.BinaryMask or OutputKind.Probabilities;

    // A graph that ends in labels may return any label, and a PNG with an index beyond its palette is invalid.
    private static Palette Complete(Palette palette, int labels)
    {
        byte[] rgb = new byte[labels * 3];
        palette.Rgb.CopyTo(rgb);
        return Palette.FromRgb(rgb);
    }

    // Pascal VOC's bit rule makes any number of colours; the other palettes are tables.
    private static Palette? Named(string name, int labels)
    {
        if (name == "voc")
        {
            return Palette.Voc(labels);
        }

        if (ClassSets.TryGet(name, out ClassSet? set))
        {
            return set.Palette;
        }

        return null;
    }

    private static bool IsColor(string text) =>
        text is ['#', ..]
            && text.Length == 7
            && int.TryParse(text.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _);
}

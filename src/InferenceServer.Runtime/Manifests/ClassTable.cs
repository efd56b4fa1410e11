using System.Globalization;
using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Names and colours of a model's classes, with built-in data sets resolved.</summary>
internal sealed class ClassTable
{
    private ClassTable(IReadOnlyList<string> names, Palette palette, byte ignore)
    {
        Names = names;
        Palette = palette;
        Ignore = ignore;
    }

    /// <summary>Name of each class, by index.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Colour of each label; 256 entries, so that every byte has a colour.</summary>
    public Palette Palette { get; }

    /// <summary>The label of pixels without a class.</summary>
    public byte Ignore { get; }

    /// <summary>The colour of a label, #rrggbb.</summary>
    public string Color(int label)
    {
        (byte red, byte green, byte blue) = Palette[label];
        return $"#{red:x2}{green:x2}{blue:x2}";
    }

    /// <summary>Resolves a manifest that passed <see cref="Validate"/>.</summary>
    public static ClassTable Create(ClassesManifest classes)
    {
        ClassSets.TryGet(classes.Dataset ?? "", out ClassSet? set);
        IReadOnlyList<string> names = classes.Names ?? set!.Names;
        Palette palette = classes.Palette switch
        {
            null => set?.Palette ?? Palette.Voc(256),
            [string name] when !name.StartsWith('#') => Named(name)!,
            { } colors => Palette.FromHex(string.Join(' ', colors)),
        };
        return new ClassTable(names, Complete(palette), (byte)classes.Ignore);
    }

    /// <summary>One sentence for each error in the names or the palette.</summary>
    public static IEnumerable<string> Validate(ClassesManifest classes)
    {
        bool builtIn = ClassSets.TryGet(classes.Dataset ?? "", out ClassSet? set);
        int count = classes.Names?.Count ?? set?.Names.Count ?? 0;
        if (count is < 2 or > 256)
        {
            yield return classes.Names is null
                ? $"classes.names: expected a list of names, or a built-in dataset ({BuiltIn})"
                : $"classes.names: expected 2 to 256 names, got {count}";
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
            if (Named(name) is null)
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
    }

    private static string BuiltIn => string.Join(", ", ClassSets.All.Select(s => s.Id));

    // A graph that ends in labels may return any byte, and a PNG with an index beyond its palette is invalid.
    private static Palette Complete(Palette palette)
    {
        byte[] rgb = new byte[(byte.MaxValue + 1) * 3];
        palette.Rgb.CopyTo(rgb);
        return Palette.FromRgb(rgb);
    }

    // Pascal VOC's bit rule makes any number of colours; the other palettes are tables.
    private static Palette? Named(string name)
    {
        if (name == "voc")
        {
            return Palette.Voc(256);
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

using System.Text.Json;

namespace DenseCrf.Tests;

/// <summary>
/// One of the scenes in assets/crf, with the results of the reference implementation (Krähenbühl's C++).
/// </summary>
internal sealed class CrfCase
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "assets", "crf");

    private readonly string _folder;
    private readonly JsonElement _json;
    private byte[]? _truth;

    public CrfCase(string name)
    {
        Name = name;
        _folder = Path.Combine(Folder, name);
        _json = JsonDocument.Parse(System.IO.File.ReadAllText(JsonPath)).RootElement;
        Width = _json.GetProperty("width").GetInt32();
        Height = _json.GetProperty("height").GetInt32();
        Labels = _json.GetProperty("labels").GetInt32();
        PixelStep = _json.GetProperty("pixel_step").GetInt32();
        Iterations = [.. _json.GetProperty("iterations").EnumerateArray().Select(t => t.GetInt32())];
        Vertices = [.. _json.GetProperty("lattice_vertices").EnumerateArray().Select(m => m.GetInt32())];
        Kernels = [.. _json.GetProperty("kernels").EnumerateArray().Select(Kernel)];
        Rgb = File("image").Bytes.ToArray();
        float scale = _json.GetProperty("unary_scale").GetSingle();
        Energies = [.. File("unary").Bytes.ToArray().Select(code => code * scale)];
    }

    /// <summary>
    /// The names of all scenes. The folder <c>filter</c> holds inputs and outputs of the lattice filter instead.
    /// </summary>
    public static IEnumerable<string> Names =>
        Directory.EnumerateDirectories(Folder, "c*").Select(Path.GetFileName).OrderBy(name => name, StringComparer.Ordinal)!;

    public string Name { get; }

    public string JsonPath => Path.Combine(_folder, "case.json");

    public int Width { get; }

    public int Height { get; }

    public int Pixels => Width * Height;

    public int Labels { get; }

    /// <summary>The marginals of every pixel whose index is a multiple of this are stored.</summary>
    public int PixelStep { get; }

    /// <summary>The numbers of iterations whose results are stored.</summary>
    public int[] Iterations { get; }

    /// <summary>Number of lattice vertices of each kernel.</summary>
    public int[] Vertices { get; }

    public CrfKernel[] Kernels { get; }

    public byte[] Rgb { get; }

    /// <summary>CHW, in nats.</summary>
    public float[] Energies { get; }

    public CrfInput Input => CrfInput.FromEnergies(Energies, Rgb, Width, Height, Labels);

    /// <summary>Ground truth, HW; empty if the case has none.</summary>
    public byte[] Truth => _truth ??= _json.GetProperty("files").TryGetProperty("truth", out _) ? File("truth").Bytes.ToArray() : [];

    /// <summary>The stored marginals: pixel by pixel, a value for each label.</summary>
    public float[] Marginals(int iterations) => File($"q{iterations}").Floats.ToArray();

    /// <summary>The label map, HW, or null if it is not stored.</summary>
    public byte[]? LabelMap(int iterations) =>
        _json.GetProperty("files").TryGetProperty($"argmax{iterations}", out _) ? File($"argmax{iterations}").Bytes.ToArray() : null;

    /// <summary>The sum of each label's marginals over all pixels.</summary>
    public double[] LabelSums(int iterations) =>
        [.. _json.GetProperty("label_sums").GetProperty($"{iterations}").EnumerateArray().Select(s => s.GetDouble())];

    /// <summary>The mean IoU of a label map, HW, against the ground truth, over the labels that the latter has.</summary>
    public double MeanIoU(ReadOnlySpan<byte> labels)
    {
        long[] hits = new long[Labels], predicted = new long[Labels], present = new long[Labels];
        for (int i = 0; i < labels.Length; i++)
        {
            predicted[labels[i]]++;
            present[Truth[i]]++;
            hits[labels[i]] += Convert.ToInt32(labels[i] == Truth[i]);
        }

        return Enumerable.Range(0, Labels)
            .Where(l => present[l] > 0)
            .Average(l => (double)hits[l] / (present[l] + predicted[l] - hits[l]));
    }

    private NpyArray File(string key) => NpyArray.Read(Path.Combine(_folder, _json.GetProperty("files").GetProperty(key).GetString()!));

    private static CrfKernel Kernel(JsonElement json)
    {
        float[]? rgb = json.TryGetProperty("srgb", out JsonElement s) ? Floats(s) : null;
        return new CrfKernel
        {
            Sx = json.GetProperty("sx").GetSingle(),
            Sy = json.GetProperty("sy").GetSingle(),
            Rgb = rgb is null ? null : new CrfColorDeviation(rgb[0], rgb[1], rgb[2]),
            Normalization = Enum.Parse<CrfNormalization>(json.GetProperty("normalization").GetString()!, ignoreCase: true),
            Compatibility = Compatibility(json.GetProperty("compatibility")),
        };
    }

    private static CrfCompatibility Compatibility(JsonElement json) => json.GetProperty("kind").GetString() switch
    {
        "potts" => CrfCompatibility.Potts(json.GetProperty("weight").GetSingle()),
        "diagonal" => CrfCompatibility.Diagonal(Floats(json.GetProperty("values"))),
        _ => CrfCompatibility.Matrix([.. json.GetProperty("values").EnumerateArray().SelectMany(Values)]),
    };

    /// <summary>
    /// The values of one element of a matrix: a row, or a single value if the matrix is written flat.
    /// </summary>
    private static float[] Values(JsonElement json) => json.ValueKind == JsonValueKind.Array ? Floats(json) : [json.GetSingle()];

    private static float[] Floats(JsonElement json) => [.. json.EnumerateArray().Select(v => v.GetSingle())];
}

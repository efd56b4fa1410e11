using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace InferenceServer.Tests.Zoo;

/// <summary>What PyTorch answers to one image with the weights of one narrow system: tests/assets/make_zoo.py made both.</summary>
internal sealed class ZooCase
{
    private readonly int _step;
    private readonly byte[] _stored;

    private ZooCase(string file)
    {
        // For instance 201x163-4x22x26-1.gz: the image, the network's output n×h×w, and the step between rows and columns that are kept.
        string[] parts = Path.GetFileNameWithoutExtension(file).Split('-');
        int[] shape = [.. parts[1].Split('x').Select(Number)];
        (Channels, Height, Width, _step) = (shape[0], shape[1], shape[2], Number(parts[2]));
        string folder = Path.GetDirectoryName(file)!;
        Png = File.ReadAllBytes(Path.Combine(folder, "..", parts[0] + ".png"));
        Labels = PngImage.Read(File.ReadAllBytes(Path.Combine(folder, parts[0] + ".png")));
        using GZipStream gzip = new(File.OpenRead(file), CompressionMode.Decompress);
        using MemoryStream bytes = new();
        gzip.CopyTo(bytes);
        _stored = bytes.ToArray();
    }

    /// <summary>The models' folder.</summary>
    public static string Folder { get; } = Path.Combine(Repository.Root, "tests", "assets", "zoo");

    /// <summary>The image.</summary>
    public byte[] Png { get; }

    /// <summary>Its labels, at its own size.</summary>
    public PngImage Labels { get; }

    public int Channels { get; }

    public int Height { get; }

    public int Width { get; }

    /// <summary>Names of models and files for theories.</summary>
    public static TheoryData<string, string> All
    {
        get
        {
            TheoryData<string, string> cases = [];
            foreach (string file in Directory.EnumerateFiles(Folder, "*.gz", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                cases.Add(Path.GetFileName(Path.GetDirectoryName(file)!), Path.GetFileName(file));
            }

            return cases;
        }
    }

    public static ZooCase Read(string model, string file) => new(Path.Combine(Folder, model, file));

    /// <summary>The largest difference to scores of the whole output, CHW.</summary>
    public double LargestDifference(ReadOnlySpan<float> scores)
    {
        Assert.Equal(Channels * Height * Width, scores.Length);
        ReadOnlySpan<float> expected = MemoryMarshal.Cast<byte, float>(_stored);
        double largest = 0;
        int i = 0;
        foreach (int position in Kept())
        {
            largest = Math.Max(largest, Math.Abs((double)scores[position] - expected[i++]));
        }

        Assert.Equal(expected.Length, i);
        return largest;
    }

    /// <summary>How many of the labels that the network itself gives are others.</summary>
    public int Differences(ReadOnlySpan<byte> labels)
    {
        Assert.Equal(Height * Width, labels.Length);
        int differences = 0, i = 0;
        foreach (int position in Kept())
        {
            differences += labels[position] == _stored[i++] ? 0 : 1;
        }

        Assert.Equal(_stored.Length, i);
        return differences;
    }

    private IEnumerable<int> Kept()
    {
        for (int c = 0; c < Channels; c++)
        {
            for (int y = 0; y < Height; y += _step)
            {
                for (int x = 0; x < Width; x += _step)
                {
                    yield return (((c * Height) + y) * Width) + x;
                }
            }
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}

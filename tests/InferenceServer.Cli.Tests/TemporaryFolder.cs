using NetVips;

namespace InferenceServer.Cli.Tests;

/// <summary>A folder that goes with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inference-server-cli-");

    public string Path => _folder.FullName;

    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>Writes a PNG of one colour, without losses.</summary>
    public string WritePhoto(string name, int width, int height, byte red, byte green, byte blue)
    {
        byte[] rgb = new byte[width * height * 3];
        for (int i = 0; i < rgb.Length; i += 3)
        {
            (rgb[i], rgb[i + 1], rgb[i + 2]) = (red, green, blue);
        }

        return WritePng(name, rgb, width, height, bands: 3);
    }

    /// <summary>Writes pixels, HWC, as PNG.</summary>
    public string WriteRgb(string name, byte[] rgb, int width) => WritePng(name, rgb, width, rgb.Length / 3 / width, bands: 3);

    /// <summary>Writes labels as grey PNG.</summary>
    public string WriteLabels(string name, byte[] labels, int width) => WritePng(name, labels, width, labels.Length / width, bands: 1);

    /// <summary>Writes an image of a red and a green half with blocks of the other colour in them, and labels without those.</summary>
    public void WriteNoisyScene(string name, int seed)
    {
        const int Side = 64, Block = 4;
        Random random = new(seed);
        bool[] wrong = [.. Enumerable.Range(0, Side / Block * (Side / Block)).Select(_ => random.Next(6) == 0)];
        byte[] rgb = new byte[Side * Side * 3], labels = new byte[Side * Side];
        for (int i = 0; i < labels.Length; i++)
        {
            (int y, int x) = Math.DivRem(i, Side);
            labels[i] = (byte)(x < Side / 2 ? 0 : 1);
            rgb[(i * 3) + (wrong[(y / Block * (Side / Block)) + (x / Block)] ? 1 - labels[i] : labels[i])] = 160;
        }

        WriteRgb($"images/{name}.png", rgb, Side);
        WriteLabels($"labels/{name}.png", labels, Side);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private string WritePng(string name, byte[] pixels, int width, int height, int bands)
    {
        using Image image = Image.NewFromMemory(pixels, width, height, bands, Enums.BandFormat.Uchar);
        string path = this[name];
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, image.PngsaveBuffer(compression: 1));
        return path;
    }
}

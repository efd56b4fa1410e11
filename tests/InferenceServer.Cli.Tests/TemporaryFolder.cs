using InferenceServer.Runtime.Buffers;
using Vips;

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

    public void Dispose() => _folder.Delete(recursive: true);

    private string WritePng(string name, byte[] pixels, int width, int height, int bands)
    {
        using VipsImage image = VipsImage.FromPixels(pixels, width, height, bands);
        using PooledBufferWriter png = new();
        image.EncodePng(png, compression: 1);
        string path = this[name];
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, png.Written.ToArray());
        return path;
    }
}

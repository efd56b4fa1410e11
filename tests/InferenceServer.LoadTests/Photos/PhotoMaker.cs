using InferenceServer.Kernels;
using InferenceServer.Kernels.Resizing;
using NetVips;

namespace InferenceServer.LoadTests.Photos;

/// <summary>Makes JPEGs of any size from one picture.</summary>
/// <remarks>A little grain is added, seeded: an enlarged picture is smooth, and would cost a decoder less than what a
/// camera gives.</remarks>
internal sealed class PhotoMaker
{
    private const int Bands = 3;
    private const int Quality = 88;
    private const int Grain = 6;

    private readonly byte[] _rgb;
    private readonly ImageSize _size;

    public PhotoMaker(string file)
    {
        using Image image = Image.NewFromFile(file);
        using Image srgb = image.Colourspace(Enums.Interpretation.Srgb);
        using Image rgb = srgb.ExtractBand(0, n: Bands);
        _size = new ImageSize(rgb.Width, rgb.Height);
        _rgb = rgb.WriteToMemory<byte>();
    }

    public Photo Make(ImageSize size)
    {
        byte[] rgb = new byte[size.Pixels * Bands];
        // The rows in the middle, so that wide pictures are cropped rather than squeezed; upright ones are squeezed.
        int rows = (int)Math.Min(_size.Height, (long)_size.Width * size.Height / size.Width);
        int top = (_size.Height - rows) / 2;
        PillowResizer.Resize(
            _rgb.AsSpan(top * _size.Width * Bands, rows * _size.Width * Bands), new ImageSize(_size.Width, rows), rgb,
            size, ResizeFilter.Bicubic);
        Random random = new(1);
        for (int i = 0; i < rgb.Length; i++)
        {
            rgb[i] = (byte)Math.Clamp(rgb[i] + random.Next(-Grain, Grain + 1), 0, byte.MaxValue);
        }

        using Image image = Image.NewFromMemory(rgb, size.Width, size.Height, Bands, Enums.BandFormat.Uchar);
        return new Photo(size, image.JpegsaveBuffer(q: Quality));
    }
}

using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>From a photograph's size to the network's, by the rules of a manifest. Sizes only, no pixels.</summary>
internal sealed class InputSizing(PreprocessManifest preprocess)
{
    private readonly ResizeManifest _resize = preprocess.Resize;
    private readonly SizeManifest _size = preprocess.Size;

    /// <summary>The geometry of one photograph.</summary>
    public InputGeometry Plan(ImageSize photo)
    {
        ImageSize resized = Resize(photo);
        int longSide = _resize.Mode == ResizeMode.LongSidePad ? _resize.Size![0] : 0;
        ImageSize input = _size.Fixed is [int height, int width]
            ? new ImageSize(width, height)
            : new ImageSize(Legal(Math.Max(resized.Width, longSide)), Legal(Math.Max(resized.Height, longSide)));
        bool center = preprocess.Pad.Where == PadPosition.Center;
        return new InputGeometry(
            photo, resized, input, center ? (input.Width - resized.Width) / 2 : 0, center ? (input.Height - resized.Height) / 2 : 0);
    }

    /// <summary>The smallest legal side that holds <paramref name="length"/>.</summary>
    public int Legal(int length)
    {
        int least = Math.Max(Math.Max(length, _size.Min), _size.Offset);
        return ((least - _size.Offset + _size.Multiple - 1) / _size.Multiple * _size.Multiple) + _size.Offset;
    }

    private ImageSize Resize(ImageSize photo)
    {
        if (_resize.Mode == ResizeMode.Exact)
        {
            IReadOnlyList<int> sides = ManifestValidator.Sides(_resize.Size ?? _size.Fixed!);
            return new ImageSize(sides[1], sides[0]);
        }

        ImageSize resized = _resize.Mode switch
        {
            ResizeMode.ShortSide => ShortSide(photo, _resize.Size![0]),
            ResizeMode.LongSide or ResizeMode.LongSidePad => LongSide(photo, _resize.Size![0]),
            _ => photo,
        };
        return resized.Pixels <= _resize.MaxPixels ? resized : Shrink(photo);
    }

    private ImageSize Shrink(ImageSize photo)
    {
        // A very long strip keeps one pixel across, and the rest of the budget goes along.
        double factor = Math.Sqrt((double)_resize.MaxPixels / photo.Pixels);
        int width = (int)Math.Min(Math.Max(photo.Width * factor, 1), _resize.MaxPixels);
        int height = (int)Math.Min(Math.Max(photo.Height * factor, 1), _resize.MaxPixels / width);
        return new ImageSize((int)Math.Min(width, _resize.MaxPixels / height), height);
    }

    private static ImageSize ShortSide(ImageSize photo, int side) => photo.Width <= photo.Height
        ? new ImageSize(side, (int)Math.Min((long)side * photo.Height / photo.Width, int.MaxValue))
        : new ImageSize((int)Math.Min((long)side * photo.Width / photo.Height, int.MaxValue), side);

    private static ImageSize LongSide(ImageSize photo, int side) => photo.Width >= photo.Height
        ? new ImageSize(side, Math.Max((int)Math.Round((double)side * photo.Height / photo.Width), 1))
        : new ImageSize(Math.Max((int)Math.Round((double)side * photo.Width / photo.Height), 1), side);
}

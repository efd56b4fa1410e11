using System.Numerics;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>From a photograph's size to the network's, by the rules of a manifest. Sizes only, no pixels.</summary>
internal sealed class InputSizing(PreprocessManifest preprocess, int bucketMultiple = 1)
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
            photo, resized, input, Bucket(input), center ? (input.Width - resized.Width) / 2 : 0, center ? (input.Height - resized.Height) / 2 : 0);
    }

    /// <summary>The smallest legal side that holds <paramref name="length"/>.</summary>
    public int Legal(int length)
    {
        int least = Math.Max(Math.Max(length, _size.Min), _size.Offset);
        return ((least - _size.Offset + _size.Multiple - 1) / _size.Multiple * _size.Multiple) + _size.Offset;
    }

    private ImageSize Bucket(ImageSize input) => _size.Fixed is not null ? input : new ImageSize(Bucket(input.Width), Bucket(input.Height));

    // A size that is legal and a bucket's at once: both steps fit into it.
    private int Bucket(int length)
    {
        int step = _size.Multiple / (int)BigInteger.GreatestCommonDivisor(_size.Multiple, bucketMultiple) * bucketMultiple;
        return ((length - _size.Offset + step - 1) / step * step) + _size.Offset;
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
        return IsAffordable(resized) ? resized : Shrink(photo);
    }

    // What counts is what the network sees: a strip one pixel wide is padded to the smallest legal side. Padding may add as much
    // again, or photographs at the very limit would be resized for a few columns.
    private bool IsAffordable(ImageSize resized) =>
        resized.Pixels <= _resize.MaxPixels && (long)Legal(resized.Width) * Legal(resized.Height) <= 2 * _resize.MaxPixels;

    private ImageSize Shrink(ImageSize photo)
    {
        double factor = Math.Sqrt((double)_resize.MaxPixels / photo.Pixels);
        long longest = Math.Max(_resize.MaxPixels / Legal(1), 1);
        int width = (int)Math.Clamp(photo.Width * factor, 1, longest);
        int height = (int)Math.Clamp(photo.Height * factor, 1, Math.Min(longest, Math.Max(_resize.MaxPixels / width, 1)));
        return new ImageSize(width, height);
    }

    private static ImageSize ShortSide(ImageSize photo, int side) => photo.Width <= photo.Height
        ? new ImageSize(side, (int)Math.Min((long)side * photo.Height / photo.Width, int.MaxValue))
        : new ImageSize((int)Math.Min((long)side * photo.Width / photo.Height, int.MaxValue), side);

    private static ImageSize LongSide(ImageSize photo, int side) => photo.Width >= photo.Height
        ? new ImageSize(side, Rounded((double)side * photo.Height / photo.Width))
        : new ImageSize(Rounded((double)side * photo.Width / photo.Height), side);

    private static int Rounded(double length) => Math.Max((int)(length + 0.5), 1);
}

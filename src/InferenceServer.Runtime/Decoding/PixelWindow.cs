using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Decoding;

/// <summary>A rectangle of an image's pixels.</summary>
/// <param name="X">First column.</param>
/// <param name="Y">First row.</param>
/// <param name="Width">Number of columns; at least 1.</param>
/// <param name="Height">Number of rows; at least 1.</param>
internal readonly record struct PixelWindow(int X, int Y, int Width, int Height)
{
    /// <summary>All pixels of an image.</summary>
    public static PixelWindow Of(ImageSize image) => new(0, 0, image.Width, image.Height);

    /// <summary>The largest central part of an image that has the aspect ratio of another, to the nearest pixel.</summary>
    /// <param name="image">Size of the image.</param>
    /// <param name="shape">The size whose ratio the part has.</param>
    public static PixelWindow Center(ImageSize image, ImageSize shape)
    {
        long width = (((2L * image.Height * shape.Width) / shape.Height) + 1) / 2; // rounds half up
        long height = (((2L * image.Width * shape.Height) / shape.Width) + 1) / 2;
        (width, height) = (Math.Clamp(width, 1, image.Width), Math.Clamp(height, 1, image.Height));
        return new PixelWindow((int)(image.Width - width) / 2, (int)(image.Height - height) / 2, (int)width, (int)height);
    }

    /// <summary>The column after the last one.</summary>
    public int Right => X + Width;

    /// <summary>The row after the last one.</summary>
    public int Bottom => Y + Height;

    /// <summary>Width and height.</summary>
    public ImageSize Size => new(Width, Height);

    /// <summary>Some rows of the window.</summary>
    /// <param name="first">The first row, counted from the window's top.</param>
    /// <param name="count">Number of rows.</param>
    public PixelWindow Rows(int first, int count) => this with { Y = Y + first, Height = count };

    /// <summary>The pixels that both windows have; both overlap.</summary>
    public PixelWindow Intersect(PixelWindow other)
    {
        (int left, int top) = (Math.Max(X, other.X), Math.Max(Y, other.Y));
        // The other's end may be beyond the largest number: tiles reach over the image's edge.
        int right = (int)Math.Min(Right, (long)other.X + other.Width), bottom = (int)Math.Min(Bottom, (long)other.Y + other.Height);
        return new PixelWindow(left, top, right - left, bottom - top);
    }

    /// <summary>The window in an image before its EXIF orientation turned it.</summary>
    /// <param name="orientation">1 to 8.</param>
    /// <param name="upright">Size of the upright image.</param>
    public PixelWindow Unturned(int orientation, ImageSize upright)
    {
        PixelWindow turned = this;
        if (orientation is 2 or 3 or 6 or 7)
        {
            turned = turned with { X = upright.Width - Right };
        }

        if (orientation is 3 or 4 or 7 or 8)
        {
            turned = turned with { Y = upright.Height - Bottom };
        }

        if (orientation >= 5)
        {
            return new PixelWindow(turned.Y, turned.X, turned.Height, turned.Width);
        }

        return turned;
    }
}

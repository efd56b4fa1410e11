using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using NetVips;

namespace InferenceServer.Runtime.Decoding;

/// <summary>libvips, configured for untrusted files, and the steps from a header to 8-bit sRGB pixels.</summary>
/// <remarks>
/// The exceptions carry libvips' own text. The text comes from one buffer for the whole process, so it may describe
/// another request's image: write the text to the log, never to a client.
/// </remarks>
internal static class Libvips
{
    private const int Bands = 3;
    private static readonly double[] White = [255, 255, 255];
    private static readonly Lazy<bool> Started = new(SetUp);
    private static volatile bool _ownsProcess;

    /// <summary>Called before the first use: declares that no other code in this process uses libvips, so that its
    /// settings may be changed.</summary>
    public static void OwnProcess() => _ownsProcess = true;

    /// <summary>Loads and configures libvips; every later call does nothing.</summary>
    /// <exception cref="DllNotFoundException">libvips is not in the program's folder, or cannot start.</exception>
    public static void Start() => _ = Started.Value;

    /// <summary>Reads the header of an encoded image. The pixels are decoded on demand, once and from the
    /// top.</summary>
    /// <param name="loader">The operation that reads the format; no other operation is tried.</param>
    /// <param name="file">The whole file, in an array that stays pinned and unchanged until the image is
    /// disposed.</param>
    /// <param name="failOn">The damage at which decoding fails.</param>
    /// <param name="shrink">2, 4 or 8 divides the sides of a JPEG while it is decoded.</param>
    /// <exception cref="VipsException">The header cannot be read.</exception>
    public static Image Open(string loader, ReadOnlyMemory<byte> file, Enums.FailOn failOn, int shrink = 1)
    {
        Start();
        ArraySegment<byte> array = Segment(file);
        nint start = Marshal.UnsafeAddrOfPinnedArrayElement(array.Array!, array.Offset);
        using Source source = NewSource(NewFromMemory(null, start, (nuint)array.Count));
        return Open(loader, source, failOn, shrink);
    }

    /// <summary>As the other; the caller disposes the source after the image.</summary>
    public static Image Open(string loader, Source source, Enums.FailOn failOn, int shrink = 1)
    {
        VOption options = new() { { "access", Enums.Access.Sequential }, { "fail_on", failOn } };
        if (shrink > 1)
        {
            options.Add("shrink", shrink);
        }

        return (Image)Operation.Call(loader, options, source);
    }

    /// <summary>Wraps existing pixels, which libvips reads or writes in place; the pixels are pinned until the image
    /// is disposed.</summary>
    /// <param name="pixels">HWC, 8 bits, from the start of an array.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="bands">1 for grey, 3 for sRGB.</param>
    /// <exception cref="ArgumentException">The number of pixels differs from the size, or the memory is not in an
    /// array.</exception>
    public static Image Over(ReadOnlyMemory<byte> pixels, int width, int height, int bands) =>
        Over(pixels, width, height, bands, Enums.BandFormat.Uchar);

    private static Image Over(ReadOnlyMemory<byte> pixels, int width, int height, int bands, Enums.BandFormat format)
    {
        long samples = format == Enums.BandFormat.Ushort ? pixels.Length / sizeof(ushort) : pixels.Length;
        ArgumentOutOfRangeException.ThrowIfNotEqual(samples, (long)width * height * bands, nameof(pixels));
        ArraySegment<byte> array = Segment(pixels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(array.Offset, 0, nameof(pixels));
        Start();
        Image image = Image.NewFromMemory(array.Array!, width, height, bands, format);
        // Without this call, every operation reports the pixels to the garbage collector, which then runs far too
        // often.
        MemoryPressure(image) = 0;
        return image;
    }

    /// <summary>EXIF orientation, 1 to 8; 1 (upright) where the header has no orientation.</summary>
    public static int Orientation(Image image)
    {
        if (image.Contains("orientation") && image.Get("orientation") is int orientation and >= 1 and <= 8)
        {
            return orientation;
        }

        return 1;
    }

    /// <summary>Divides the colours by alpha. The image is disposed.</summary>
    public static Image Unpremultiply(Image image)
    {
        using Image encoded = image;
        using Image divided = encoded.Unpremultiply();
        using Image rounded = divided.Rint();
        return rounded.Cast(encoded.Format);
    }

    /// <summary>Makes all white but one part. The image is disposed.</summary>
    /// <param name="image">An image without alpha.</param>
    /// <param name="part">The pixels that stay.</param>
    public static Image OnWhite(Image image, PixelWindow part)
    {
        using Image encoded = image;
        using Image kept = encoded.ExtractArea(part.X, part.Y, part.Width, part.Height);
        return kept.Embed(part.X, part.Y, encoded.Width, encoded.Height, extend: Enums.Extend.Background, background: White[..1]);
    }

    /// <summary>Decodes an opened image into memory as it is.</summary>
    /// <returns>The image, which the caller disposes; <paramref name="image"/> is disposed.</returns>
    /// <exception cref="VipsException">The image is damaged, or the token was cancelled.</exception>
    public static Image Load(Image image, CancellationToken cancellationToken)
    {
        using Image encoded = image;
        // This registration ends before the image is disposed.
        using CancellationTokenRegistration stop = StopWhenCancelled(encoded, cancellationToken);
        return encoded.CopyMemory();
    }

    /// <summary>Decodes bands of 8 or 16 bits as they are. The image is disposed.</summary>
    /// <param name="image">The result of <see cref="Open(string, Source, Enums.FailOn, int)"/>.</param>
    /// <param name="bands">Indices from 0.</param>
    /// <param name="planes">A plane for each of them, HW; every value is written.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="VipsException">The image is damaged, or the token was cancelled.</exception>
    public static void ReadBands(
        Image image, IReadOnlyList<int> bands, IReadOnlyList<Memory<float>> planes, CancellationToken cancellationToken)
    {
        using Image encoded = image;
        using CancellationTokenRegistration stop = StopWhenCancelled(encoded, cancellationToken);
        bool isDeep = encoded.Format == Enums.BandFormat.Ushort;
        int size = isDeep ? sizeof(ushort) : sizeof(byte);
        using PooledBuffer<byte> samples = new(checked(encoded.Width * encoded.Height * encoded.Bands * size));
        using Image target = Over(samples.Memory, encoded.Width, encoded.Height, encoded.Bands, encoded.Format);
        encoded.Write(target);
        ReadOnlySpan<byte> bytes = samples.Span;
        for (int i = 0; i < bands.Count; i++)
        {
            Span<float> plane = planes[i].Span;
            for (int pixel = 0, at = bands[i]; pixel < plane.Length; pixel++, at += encoded.Bands)
            {
                plane[pixel] = isDeep ? MemoryMarshal.Read<ushort>(bytes[(at * 2)..]) : bytes[at];
            }
        }
    }

    /// <summary>The smallest and the largest value of the colours.</summary>
    /// <param name="image">The result of <see cref="Load"/>.</param>
    public static (double Least, double Most) Range(Image image)
    {
        int colors = image.Bands;
        if (image.HasAlpha())
        {
            colors--;
        }

        using Image color = image.ExtractBand(0, n: colors);
        return (color.Min(), color.Max());
    }

    /// <summary>Turns pixels upright, in place.</summary>
    /// <param name="pixels">HWC, RGB, of <paramref name="width"/> × <paramref name="height"/> pixels.</param>
    /// <param name="width">Columns before the turn.</param>
    /// <param name="height">Rows before the turn.</param>
    /// <param name="orientation">EXIF orientation, 2 to 8.</param>
    /// <param name="cancellationToken">Stops the turn.</param>
    public static void Turn(Memory<byte> pixels, int width, int height, int orientation, CancellationToken cancellationToken)
    {
        // libvips copies no memory that it can read already, and would read what it has just written.
        using PooledBuffer<byte> stored = new(pixels.Length);
        pixels.CopyTo(stored.Memory);
        using Image marked = Replace(
            Over(stored.Memory, width, height, Bands),
            image => image.Mutate(m => m.Set(GValue.GIntType, "orientation", orientation)));
        using Image upright = marked.Autorot();
        using Image target = Over(pixels, upright.Width, upright.Height, Bands);
        using CancellationTokenRegistration stop = StopWhenCancelled(upright, cancellationToken);
        upright.Write(target);
    }

    /// <summary>Decodes an opened image to upright 8-bit sRGB, with transparent pixels on white. The image is
    /// disposed.</summary>
    /// <param name="image">The result of <see cref="Open(string, Source, Enums.FailOn, int)"/>.</param>
    /// <param name="pixels">HWC; every byte is written.</param>
    /// <param name="cancellationToken">Checked between strips of rows.</param>
    /// <exception cref="VipsException">The image is damaged, or the token was cancelled; some of the pixels are
    /// written.</exception>
    public static void Decode(Image image, Memory<byte> pixels, CancellationToken cancellationToken)
    {
        // The turn comes last: a turn may copy the image, which then has three bytes a pixel instead of eight or more.
        using Image upright = Turn(ToThreeBands(ToBytes(Flatten(ToSrgb(image)))), cancellationToken);
        if (upright.Bands != Bands || upright.Format != Enums.BandFormat.Uchar)
        {
            // libvips would write past the end of the buffer.
            throw new InvalidOperationException($"Expected three bands of 8 bits, got {upright}.");
        }

        using Image target = Over(pixels, upright.Width, upright.Height, Bands);
        using CancellationTokenRegistration stop = StopWhenCancelled(upright, cancellationToken);
        upright.Write(target);
    }

    private static ArraySegment<byte> Segment(ReadOnlyMemory<byte> memory)
    {
        if (MemoryMarshal.TryGetArray(memory, out ArraySegment<byte> array))
        {
            return array;
        }

        throw new ArgumentException("Expected memory in an array.", nameof(memory));
    }

    // NetVips makes sources of whole arrays and of copies; a request's file is a part of a pooled array, and too large
    // to copy.
    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod)]
    private static extern nint NewFromMemory(
        [UnsafeAccessorType("NetVips.Internal.VipsSource, NetVips")] object? type, nint data, nuint length);

    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern Source NewSource(nint instance);

    [UnsafeAccessor(UnsafeAccessorKind.Field)]
    private static extern ref long MemoryPressure(GObject image);

    private static bool SetUp()
    {
        if (!ModuleInitializer.VipsInitialized)
        {
            throw new DllNotFoundException(
                "libvips cannot be loaded: " + ModuleInitializer.Exception?.Message, ModuleInitializer.Exception);
        }

        Cache.Max = 0; // a cached operation would keep a request's image alive
        if (_ownsProcess)
        {
            NetVips.NetVips.BlockUntrusted = true; // a second guard beside the fixed list of loaders
            NetVips.NetVips.Concurrency = 1; // a server's parallelism is between requests

            // libvips writes a line to stderr for each irregularity of a file, so clients could write into the
            // server's log.
            NetVips.Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning | Enums.LogLevelFlags.Message, static (_, _, _) => { });
        }

        return true;
    }

    // Each step takes over its argument, and returns the argument where nothing is to do: even an idle operation
    // copies every pixel.
    private static Image Replace(Image image, Func<Image, Image> operation)
    {
        using (image)
        {
            return operation(image);
        }
    }

    // Without a profile, or with a profile for another colour space, RGB is read as sRGB, and CMYK as a common offset
    // press.
    private static Image ToSrgb(Image image)
    {
        if (image.Contains("icc-profile-data") && TransformByProfile(image) is { } transformed)
        {
            image.Dispose();
            return transformed;
        }

        if (image is { Interpretation: Enums.Interpretation.Srgb, Format: Enums.BandFormat.Uchar })
        {
            return image;
        }

        return Replace(image, static image => image.Colourspace(Enums.Interpretation.Srgb));
    }

    private static Image? TransformByProfile(Image image)
    {
        // The result of this import is used where the embedded profile is broken.
        string? spare = image.Interpretation == Enums.Interpretation.Cmyk ? "cmyk" : null;
        try
        {
            return image.IccTransform("srgb", intent: Enums.Intent.Perceptual, embedded: true, inputProfile: spare);
        }
        catch (VipsException)
        {
            return null; // an image with a bad profile is still decoded
        }
    }

    private static Image Flatten(Image image)
    {
        if (image.HasAlpha())
        {
            return Replace(image, static image => image.Flatten(background: White));
        }

        return image;
    }

    private static Image ToBytes(Image image) => image.Format switch
    {
        Enums.BandFormat.Uchar => image,
        // The values are not clipped.
        Enums.BandFormat.Ushort => Replace(image, static image => image.Cast(Enums.BandFormat.Uchar, shift: true)),
        _ => Replace(image, static image => image.Cast(Enums.BandFormat.Uchar)),
    };

    // Further bands are dropped; a single band is repeated.
    private static Image ToThreeBands(Image image) => image.Bands switch
    {
        Bands => image,
        > Bands => Replace(image, static image => image.ExtractBand(0, n: Bands)),
        2 => ToThreeBands(Replace(image, static image => image.ExtractBand(0))),
        _ => Replace(image, static image => image.Colourspace(Enums.Interpretation.Srgb, sourceSpace: Enums.Interpretation.Bw)),
    };

    // Orientations from 3 on read the image in an order that no decoder supports, so such images are first decoded
    // into memory.
    private static Image Turn(Image image, CancellationToken cancellationToken)
    {
        int orientation = Orientation(image);
        if (orientation > 2)
        {
            image = Load(image, cancellationToken);
        }

        if (orientation > 1)
        {
            return Replace(image, static image => image.Autorot());
        }

        return image;
    }

    // libvips checks the kill mark of the image that is evaluated.
    private static CancellationTokenRegistration StopWhenCancelled(Image image, CancellationToken cancellationToken) =>
        cancellationToken.UnsafeRegister(static image => ((Image)image!).SetKill(true), image);
}

/// <summary>A file in memory. Once the token is cancelled, reading fails: the decoders of progressive JPEG and interlaced PNG
/// read the whole file before libvips looks at its kill mark.</summary>
internal sealed class StoppableFile : SourceCustom
{
    private readonly ReadOnlyMemory<byte> _file;
    private int _position;

    /// <param name="file">The bytes, which do not change.</param>
    public StoppableFile(ReadOnlyMemory<byte> file)
    {
        _file = file;
        OnRead += Read;
        OnSeek += Seek;
    }

    /// <summary>Ends the reading.</summary>
    public CancellationToken Cancellation { get; set; }

    private int Read(byte[] buffer, int length)
    {
        if (Cancellation.IsCancellationRequested)
        {
            return -1; // the sign of failure
        }

        int count = Math.Min(length, _file.Length - _position);
        _file.Span.Slice(_position, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    private long Seek(long offset, SeekOrigin origin)
    {
        long start = origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => _position,
            _ => _file.Length,
        };
        return _position = (int)Math.Clamp(start + offset, 0, _file.Length);
    }
}

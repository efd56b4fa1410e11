using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NetVips;

namespace InferenceServer.Runtime.Decoding;

/// <summary>libvips, set up to decode the files of strangers, and the steps from a header to 8-bit sRGB
/// pixels.</summary>
/// <remarks>
/// The exceptions carry libvips' own text. It comes from one buffer for the whole process, so it may be about another
/// request's image:
/// it is for the log, never for a client.
/// </remarks>
internal static class Libvips
{
    private const int Bands = 3;
    private static readonly double[] White = [255, 255, 255];
    private static readonly Lazy<bool> Started = new(SetUp);
    private static volatile bool _ownsProcess;

    /// <summary>Before the first use: says that nothing else in this process uses libvips, so that its settings may be
    /// changed.</summary>
    public static void OwnProcess() => _ownsProcess = true;

    /// <summary>Loads and sets up libvips; every call after the first does nothing.</summary>
    /// <exception cref="DllNotFoundException">libvips is not beside the program, or cannot start.</exception>
    public static void Start() => _ = Started.Value;

    /// <summary>Reads the header of an encoded image. Its pixels are decoded when they are asked for, once and from the
    /// top.</summary>
    /// <param name="loader">The operation that reads the format; no other is tried.</param>
    /// <param name="file">The whole file, in an array that stays pinned and unchanged until the image is
    /// disposed.</param>
    /// <param name="failOn">The damage at which decoding fails.</param>
    /// <exception cref="VipsException">The header cannot be read.</exception>
    public static Image Open(string loader, ReadOnlyMemory<byte> file, Enums.FailOn failOn)
    {
        Start();
        ArraySegment<byte> array = Segment(file);
        nint start = Marshal.UnsafeAddrOfPinnedArrayElement(array.Array!, array.Offset);
        using Source source = NewSource(NewFromMemory(null, start, (nuint)array.Count));
        VOption options = new() { { "access", Enums.Access.Sequential }, { "fail_on", failOn } };
        return (Image)Operation.Call(loader, options, source);
    }

    /// <summary>Wraps pixels that are there already, which libvips reads or writes in place; pinned until the image is
    /// disposed.</summary>
    /// <param name="pixels">HWC, 8 bits, from the start of an array.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="bands">1 for grey, 3 for sRGB.</param>
    /// <exception cref="ArgumentException">The pixels are not as many as the size says, or lie elsewhere.</exception>
    public static Image Over(ReadOnlyMemory<byte> pixels, int width, int height, int bands)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(pixels.Length, (long)width * height * bands, nameof(pixels));
        ArraySegment<byte> array = Segment(pixels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(array.Offset, 0, nameof(pixels));
        Start();
        Image image = Image.NewFromMemory(array.Array!, width, height, bands, Enums.BandFormat.Uchar);
        // Else every operation announces the pixels to the collector, which then runs far too often.
        MemoryPressure(image) = 0;
        return image;
    }

    /// <summary>EXIF orientation, 1 to 8; 1, upright, where the header does not say.</summary>
    public static int Orientation(Image image)
    {
        if (image.Contains("orientation") && image.Get("orientation") is int orientation and >= 1 and <= 8)
        {
            return orientation;
        }

        return 1;
    }

    /// <summary>Decodes an opened image: upright, in 8-bit sRGB, on white where it is transparent. The image is
    /// disposed.</summary>
    /// <param name="image">What <see cref="Open"/> returned.</param>
    /// <param name="pixels">HWC; all of it is written.</param>
    /// <param name="cancellationToken">Looked at between strips of rows.</param>
    /// <exception cref="VipsException">The image is damaged, or the token was cancelled; the pixels are written in
    /// part.</exception>
    public static void Decode(Image image, Memory<byte> pixels, CancellationToken cancellationToken)
    {
        // Turned last: that may copy the image, which then has three bytes a pixel and not eight or more.
        using Image upright = Turn(ToThreeBands(ToBytes(Flatten(ToSrgb(image)))), cancellationToken);
        if (upright.Bands != Bands || upright.Format != Enums.BandFormat.Uchar)
        {
            // Libvips would write too much.
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
    // to be copied.
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
            throw new DllNotFoundException("libvips cannot be used: " + ModuleInitializer.Exception?.Message, ModuleInitializer.Exception);
        }

        Cache.Max = 0; // a cached operation would keep a request's image alive
        if (_ownsProcess)
        {
            NetVips.NetVips.BlockUntrusted = true; // beside the fixed list of loaders
            NetVips.NetVips.Concurrency = 1; // a server's parallelism is between requests

            // libvips writes a line to stderr for each oddity of a file, so that clients would write into the server's
            // log.
            NetVips.Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning | Enums.LogLevelFlags.Message, static (_, _, _) => { });
        }

        return true;
    }

    // Each step takes over its argument, and returns it where there is nothing to do: even an idle operation costs a
    // copy of each pixel.
    private static Image Replace(Image image, Func<Image, Image> operation)
    {
        using (image)
        {
            return operation(image);
        }
    }

    // Without a profile, or with one that does not fit, the numbers are taken at face value: RGB as sRGB, CMYK as a
    // common offset press.
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
        // For an embedded profile that is broken.
        string? spare = image.Interpretation == Enums.Interpretation.Cmyk ? "cmyk" : null;
        try
        {
            return image.IccTransform("srgb", intent: Enums.Intent.Perceptual, embedded: true, inputProfile: spare);
        }
        catch (VipsException)
        {
            return null; // a bad profile should not cost the user the image
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
        // Not clipped.
        Enums.BandFormat.Ushort => Replace(image, static image => image.Cast(Enums.BandFormat.Uchar, shift: true)),
        _ => Replace(image, static image => image.Cast(Enums.BandFormat.Uchar)),
    };

    // Further bands are dropped, a single one is repeated.
    private static Image ToThreeBands(Image image) => image.Bands switch
    {
        Bands => image,
        > Bands => Replace(image, static image => image.ExtractBand(0, n: Bands)),
        2 => ToThreeBands(Replace(image, static image => image.ExtractBand(0))),
        _ => Replace(image, static image => image.Colourspace(Enums.Interpretation.Srgb, sourceSpace: Enums.Interpretation.Bw)),
    };

    // Orientations from 3 on read the image in an order in which no file can be decoded, so those are decoded into
    // memory first.
    private static Image Turn(Image image, CancellationToken cancellationToken)
    {
        int orientation = Orientation(image);
        if (orientation > 2)
        {
            using Image encoded = image;
            // Ends before the image is disposed.
            using CancellationTokenRegistration stop = StopWhenCancelled(encoded, cancellationToken);
            image = encoded.CopyMemory();
        }

        if (orientation > 1)
        {
            return Replace(image, static image => image.Autorot());
        }

        return image;
    }

    // libvips looks at the mark of the image whose pixels are asked for.
    private static CancellationTokenRegistration StopWhenCancelled(Image image, CancellationToken cancellationToken) =>
        cancellationToken.UnsafeRegister(static image => ((Image)image!).SetKill(true), image);
}

using System.Globalization;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>Which bands of an image the network sees, and how their values change before the network's own
/// normalisation.</summary>
internal sealed class BandPlan
{
    private static readonly IReadOnlyList<ValueScaling> Stretch = [new("percentile", 2, 98)];
    private static readonly string[] ColorNames = ["red", "green", "blue"];

    private readonly PreprocessManifest _preprocess;
    private readonly IReadOnlyList<int>? _bands;
    private readonly IReadOnlyList<IReadOnlyList<ValueScaling>>? _scaling;
    private IReadOnlyList<IReadOnlyList<ValueScaling>> _viewScaling;

    private BandPlan(PreprocessManifest preprocess, IReadOnlyList<int>? bands, IReadOnlyList<IReadOnlyList<ValueScaling>>? scaling)
    {
        (_preprocess, _bands, _scaling) = (preprocess, bands, scaling);
        _viewScaling = preprocess.View?.ValueScaling ?? [Stretch];
        Channels = preprocess.Mean.Count;
    }

    /// <summary>Channels of the network.</summary>
    public int Channels { get; }

    /// <summary>Whether the network sees 8-bit colours, which the bands become.</summary>
    public bool GivesColors => _preprocess.Color != ChannelOrder.Bands;

    /// <summary>Whether the values of the bands are changed; colours whose values are not changed must say which value
    /// is white.</summary>
    public bool IsScaled => _scaling is not null;

    /// <summary>The plan of a request.</summary>
    /// <param name="preprocess">The manifest's section.</param>
    /// <param name="bands">The request's bands; null takes the manifest's.</param>
    /// <param name="scaling">The request's value scaling; null takes the manifest's.</param>
    /// <returns>Null where the network sees colours and nothing says what bands become them.</returns>
    /// <exception cref="SegmentationException">The number of bands or of lists does not fit the network.</exception>
    public static BandPlan? Create(PreprocessManifest preprocess, IReadOnlyList<int>? bands, string? scaling)
    {
        IReadOnlyList<IReadOnlyList<ValueScaling>>? steps = preprocess.ValueScaling;
        if (scaling is not null)
        {
            steps = Parse(scaling);
        }

        BandPlan plan = new(preprocess, bands ?? preprocess.Bands?.Select(band => band.Index).ToArray(), steps);
        if (plan.GivesColors && plan._bands is null && steps is null)
        {
            return null;
        }

        plan.Check();
        if (scaling is not null && steps is [var list] && !EndsInDeviation(list))
        {
            plan._viewScaling = steps;
        }

        return plan;
    }

    /// <summary>The plan with a value that is white, and 0 that is black.</summary>
    public BandPlan WithWhite(float white) => new(_preprocess, _bands, [[new ValueScaling("scale", white, 0)]]);

    /// <summary>Chooses samples of a file.</summary>
    /// <param name="samples">Samples of a pixel.</param>
    /// <param name="opaque">Samples without alpha.</param>
    /// <param name="colors">The first samples, which are colours; 0 where the file does not say.</param>
    /// <returns>Indices from 0.</returns>
    /// <exception cref="SegmentationException">The file has too few bands, or does not say which ones are
    /// colours.</exception>
    public int[] Choose(int samples, int opaque, int colors)
    {
        if (_bands is not null)
        {
            if (_bands.FirstOrDefault(band => band > samples) is > 0 and int missing)
            {
                throw Undecodable($"Expected an image with band {missing}, the image has {samples} bands. Name others with bands=.");
            }

            return [.. _bands.Select(band => band - 1)];
        }

        int wanted = Channels;
        if (GivesColors)
        {
            wanted = colors;
        }

        if (wanted > 0 && (wanted == samples || wanted == opaque || GivesColors))
        {
            return [.. Enumerable.Range(0, wanted)];
        }

        if (GivesColors)
        {
            throw Undecodable(
                $"The image has {samples} bands, and the file does not say which of them are colours. Name them, for instance with " +
                "bands=3,2,1.");
        }

        throw Undecodable(
            $"The model takes {Channels} bands, the image has {samples}. Send an image with these bands, or name them with bands=.");
    }

    /// <summary>The samples that people and the CRF see, among those of a file.</summary>
    /// <param name="chosen">The result of <see cref="Choose"/>.</param>
    /// <param name="samples">Samples of a pixel.</param>
    /// <returns>Three indices, or one for gray.</returns>
    /// <exception cref="SegmentationException">The file has too few bands.</exception>
    public int[] View(int[] chosen, int samples)
    {
        if (_preprocess.View?.Bands is { } bands)
        {
            int[] view = [.. bands.Select(band => Place(band.Index, chosen))];
            if (view.FirstOrDefault(band => band >= samples, -1) is >= 0 and int missing)
            {
                throw Undecodable(
                    $"Expected an image with band {missing + 1}, which preprocess.view shows; the image has {samples} bands.");
            }

            return view;
        }

        if (_preprocess.Bands is { } named && ColorNames.All(name => named.Any(band => band.Name == name)))
        {
            int[] places = [.. ColorNames.Select(name => named.Index().First(band => band.Item.Name == name).Index)];
            return [.. places.Select(place => chosen[place])];
        }

        return chosen[..(chosen.Length >= 3 ? 3 : 1)];
    }

    // A request may choose other bands than the manifest: what a channel of the network sees is shown for it, too.
    private int Place(int band, int[] chosen)
    {
        int channel = band - 1;
        if (_preprocess.Bands is { } named)
        {
            channel = named.ToList().FindIndex(name => name.Index == band);
        }

        if (channel >= 0 && channel < chosen.Length)
        {
            return chosen[channel];
        }

        return band - 1;
    }

    /// <summary>Makes values without data NaN.</summary>
    /// <param name="planes">The bands; changed in place.</param>
    /// <param name="ofFile">GDAL_NODATA of the file.</param>
    public void RemoveMissing(IReadOnlyList<Memory<float>> planes, string? ofFile)
    {
        double? nodata = _preprocess.Nodata?.Value;
        if (_preprocess.Nodata is { Value: null }
            && double.TryParse(ofFile?.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
        {
            nodata = value;
        }

        foreach (Memory<float> plane in planes)
        {
            foreach (ref float sample in plane.Span)
            {
                if (!float.IsFinite(sample) || sample == (float?)nodata)
                {
                    sample = float.NaN;
                }
            }
        }
    }

    /// <summary>Marks pixels where no band has data with 1, others with 0.</summary>
    public static void MarkMissing(IReadOnlyList<Memory<float>> planes, Span<byte> missing)
    {
        missing.Fill(1);
        foreach (Memory<float> plane in planes)
        {
            ReadOnlySpan<float> samples = plane.Span;
            for (int i = 0; i < samples.Length; i++)
            {
                if (!float.IsNaN(samples[i]))
                {
                    missing[i] = 0;
                }
            }
        }
    }

    /// <summary>The steps from the file's values to the network's.</summary>
    public BandScaling Scaling => new(_scaling ?? []);

    /// <summary>The steps from the file's values to 0 for black and 1 for white, for people and the CRF.</summary>
    public BandScaling ViewScaling => new(_viewScaling);

    /// <summary>Changes the values of the chosen bands, and fills pixels without data.</summary>
    /// <param name="planes">The result of <see cref="RemoveMissing"/>, in the order of the network's channels; changed in
    /// place.</param>
    /// <param name="scaling">The result of <see cref="BandScaling.Resolve"/> for <see cref="Scaling"/>.</param>
    public void Scale(IReadOnlyList<Memory<float>> planes, BandScaling scaling)
    {
        for (int c = 0; c < planes.Count; c++)
        {
            Span<float> fill = [0];
            if (_preprocess.NodataFill is { } value)
            {
                fill[0] = value;
                scaling.Apply(c, fill);
            }
            else
            {
                fill[0] = _preprocess.Mean[Math.Min(c, Channels - 1)] / (_preprocess.Scale ?? 1);
                if (GivesColors)
                {
                    fill[0] /= byte.MaxValue;
                }
            }

            scaling.Apply(c, planes[c].Span);
            foreach (ref float sample in planes[c].Span)
            {
                if (float.IsNaN(sample))
                {
                    sample = fill[0];
                }
            }
        }
    }

    /// <summary>Paints what people and the CRF see.</summary>
    /// <param name="planes">The bands of <see cref="View"/>, in the file's values; not changed.</param>
    /// <param name="scaling">The result of <see cref="BandScaling.Resolve"/> for <see cref="ViewScaling"/>.</param>
    /// <param name="rgb">HWC; every byte is written. Black where a band has no data.</param>
    public static void PaintView(IReadOnlyList<Memory<float>> planes, BandScaling scaling, Span<byte> rgb)
    {
        using PooledBuffer<float> scratch = new(planes[0].Length);
        for (int c = 0; c < planes.Count; c++)
        {
            planes[c].Span.CopyTo(scratch.Span);
            scaling.Apply(c, scratch.Span);
            Paint(scratch.Span, rgb, c, planes.Count);
        }
    }

    /// <summary>Paints bands of 0 to 1 as colours.</summary>
    /// <param name="planes">Three bands, or one for gray.</param>
    /// <param name="rgb">HWC; every byte is written.</param>
    public static void PaintColors(IReadOnlyList<Memory<float>> planes, Span<byte> rgb)
    {
        for (int c = 0; c < planes.Count; c++)
        {
            Paint(planes[c].Span, rgb, c, planes.Count);
        }
    }

    private static void Paint(ReadOnlySpan<float> plane, Span<byte> rgb, int channel, int channels)
    {
        for (int i = 0; i < plane.Length; i++)
        {
            byte step = 0;
            if (plane[i] > 0)
            {
                step = (byte)((Math.Min(plane[i], 1) * byte.MaxValue) + 0.5f);
            }

            if (channels == 1)
            {
                rgb.Slice(i * 3, 3).Fill(step);
            }
            else
            {
                rgb[(i * 3) + channel] = step;
            }
        }
    }

    private static IReadOnlyList<IReadOnlyList<ValueScaling>> Parse(string scaling)
    {
        try
        {
            return ValueScaling.Parse(scaling);
        }
        catch (FormatException e)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, $"value_scaling: expected {e.Message}, got '{scaling}'.");
        }
    }

    private void Check()
    {
        if (_bands is { } bands && bands.Count != Channels && !(GivesColors && bands.Count is 1 or 3))
        {
            throw Invalid($"bands: expected {Channels} bands, one for each channel of the network, got {bands.Count}.");
        }

        if (_bands is { } numbers && (numbers.Any(band => band < 1) || numbers.Distinct().Count() < numbers.Count))
        {
            throw Invalid("bands: expected different numbers, from 1.");
        }

        int count = _bands?.Count ?? Channels;
        if (_scaling is { Count: > 1 } lists && lists.Count != count)
        {
            throw Invalid($"value_scaling: expected one list of steps, or one for each of {count} bands, got {lists.Count}.");
        }

        if (GivesColors && _scaling?.Any(EndsInDeviation) is true)
        {
            throw Invalid("value_scaling: expected steps that make black 0 and white 1, such as min-max; the network takes colours.");
        }
    }

    // Such steps do not say which values are black and white.
    private static bool EndsInDeviation(IReadOnlyList<ValueScaling> steps) =>
        steps.LastOrDefault(step => !step.Type.StartsWith("clip", StringComparison.Ordinal)) is { Type: "z-score" };

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);

    private static SegmentationException Undecodable(string message) => new(SegmentationError.UndecodableImage, message);
}

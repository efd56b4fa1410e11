using System.Buffers;
using System.Globalization;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime.Decoding;
using NetTopologySuite.Geometries;
using NetTopologySuite.Geometries.Implementation;

namespace InferenceServer.Runtime.Formats;

/// <summary>A GeoPackage with one layer, which has the model's name: a polygon for each connected part of each class, in the
/// coordinate reference system and with the transform of the image's file; in pixels where the file has none.</summary>
internal sealed class GeoPackageEncoder : IMaskEncoder
{
    private const int PointBytes = 180; // most parts of an irregular mask have four points

    private static readonly GeometryFactory Geometries = new(PackedCoordinateSequenceFactory.DoubleFactory);

    public void Check(GeoTags? geo, FormatSettings options) => MapSystem.Of(geo, TransformOf(geo, options) is not null);

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        EncodingBytes.Few;

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ILookup<int, LabelPolygon> parts = Outlines.Of(content, options.Tolerance, PointBytes);
        ILookup<int, double> confidences = content.PartConfidences();
        Geotransform? transform = TransformOf(content.Geo, options);
        MapSystem system = MapSystem.Of(content.Geo, transform is not null);
        int[] classes = [.. parts.Select(of => of.Key).Order()];
        string description = string.Create(CultureInfo.InvariantCulture, $"Classes by {content.Model} {content.Version}");
        using GeoPackageFile file = new(content.Model, description, system);
        foreach (int index in classes)
        {
            string name = content.Classes.NameOf(index);
            using IEnumerator<double> confidence = confidences[index].GetEnumerator();
            foreach (LabelPolygon part in parts[index])
            {
                Polygon polygon = ToPolygon(part, transform ?? Geotransform.Pixels);
                double? mean = null;
                if (confidence.MoveNext())
                {
                    mean = confidence.Current;
                }

                file.Add(polygon, name, index, system.Area(polygon), mean);
            }
        }

        file.AddStyle([.. classes.Select(index => (index, content.Classes.NameOf(index), content.Classes.Color(index)))]);
        file.Write(output);
    }

    private static Geotransform? TransformOf(GeoTags? geo, FormatSettings options)
    {
        if (options.Geotransform is null && geo?.Affine is { } affine)
        {
            return Geotransform.FromGdal(affine);
        }

        return options.Geotransform;
    }

    private static Polygon ToPolygon(LabelPolygon part, Geotransform transform)
    {
        LinearRing[] rings = [.. part.Rings.Select(ring => ToRing(ring, transform))];
        return Geometries.CreatePolygon(rings[0], rings[1..]);
    }

    private static LinearRing ToRing(GridPoint[] ring, Geotransform transform)
    {
        double[] numbers = new double[2 * (ring.Length + 1)];
        int at = 0;
        foreach ((double x, double y) in transform.Apply(ring))
        {
            (numbers[at++], numbers[at++]) = (x, y);
        }

        return Geometries.CreateLinearRing(new PackedDoubleCoordinateSequence(numbers, dimension: 2, measures: 0));
    }
}

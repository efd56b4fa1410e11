using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using NetTopologySuite.Geometries;
using NetTopologySuite.IO;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>GeoPackages, read back by SQLite and NetTopologySuite, and by GDAL where that is installed.</summary>
public sealed class GeoPackageTests
{
    private static readonly ImageSize Size = new(48, 32);

    /// <summary>Files, and the number of the system that their layer has.</summary>
    public static TheoryData<string?, int> Files => new()
    {
        { "utm", 32633 },
        { "utm-point", 32733 },
        { "mercator-rotated", 3857 },
        { "mercator-rotated-point", 3857 },
        { "wgs84", 4326 },
        { "nad83", 4269 },
        { "lambert", 2154 },
        { "feet", 2263 },
        { "no-crs", -1 },
        { "gcps", -1 },
        { null, -1 },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void Encode_Georeference_IsTheFiles(string? name, int system)
    {
        MaskContent content = Noise(3) with { Geo = Georeference(name) };

        using WrittenGeoPackage file = Encode(content);

        Assert.Equal(
            [[system == -1 ? "NONE" : "EPSG", (long)system]],
            file.Rows("SELECT organization, organization_coordsys_id FROM gpkg_spatial_ref_sys WHERE srs_id = " + system));
        Assert.Equal(
            new[] { -1L, 0L, 4326L, system }.Distinct().Order(),
            file.Rows("SELECT srs_id FROM gpkg_spatial_ref_sys ORDER BY srs_id").Select(row => (long)row[0]));
        Assert.Equal([["roads", "geom", "POLYGON", (long)system, 0L, 0L]], file.Rows("SELECT * FROM gpkg_geometry_columns"));
        Geotransform transform = content.Geo?.Affine is { } affine ? Geotransform.FromGdal(affine)!.Value : Geotransform.Pixels;
        Assert.All(file.Features, feature => Assert.Equal(system, feature.Geometry.SRID));
        Assert.Equal(content.Labels.ToArray(), Fill(file, transform));
        Envelope extent = new();
        file.Features.ForEach(feature => extent.ExpandToInclude(feature.Geometry.EnvelopeInternal));
        Assert.Equal(
            [["features", "roads", extent.MinX, extent.MinY, extent.MaxX, extent.MaxY, (long)system]],
            file.Rows("SELECT data_type, identifier, min_x, min_y, max_x, max_y, srs_id FROM gpkg_contents WHERE table_name = 'roads'"));
    }

    [Fact]
    public void Encode_GeotransformOfTheRequest_ReplacesTheFiles()
    {
        Geotransform given = new(1000, 8, 3, 2000, 2, -9);

        using WrittenGeoPackage file = Encode(Noise(3) with { Geo = Georeference("utm") }, new() { Geotransform = given });
        using WrittenGeoPackage plain = Encode(Noise(3), new() { Geotransform = given });

        Assert.Equal(Noise(3).Labels.ToArray(), Fill(file, given));
        Assert.Equal(Noise(3).Labels.ToArray(), Fill(plain, given));
        Assert.Equal([[32633L], [-1L]], file.Rows("SELECT srs_id FROM gpkg_geometry_columns")
            .Concat(plain.Rows("SELECT srs_id FROM gpkg_geometry_columns")));
        Assert.All(plain.Features, feature => Assert.Null(feature.Area));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Check_SystemWithoutACode_NamesGeoTiff(bool withTransform)
    {
        FormatSettings options = new() { Geotransform = withTransform ? Geotransform.Pixels : null };

        SegmentationException e = Assert.Throws<SegmentationException>(() =>
            MaskFormat.GeoPackage.Encoder.Check(Georeference("own-crs"), options));

        Assert.Equal(SegmentationError.NotAcceptable, e.Error);
        Assert.Contains("format=geotiff", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_Definitions_AreGdals()
    {
        using JsonDocument golden = JsonDocument.Parse(Assets.Geo("definitions.json"));
        foreach (JsonProperty system in golden.RootElement.EnumerateObject())
        {
            ushort code = ushort.Parse(system.Name, CultureInfo.InvariantCulture);
            ushort key = code == 4326 ? (ushort)2048 : (ushort)3072;
            GeoTags geo = new GeoTags { KeyDirectory = [1, 1, 0, 1, key, 0, 1, code] }.WithAffine([0, 1, 0, 0, 0, -1]);

            using WrittenGeoPackage file = Encode(Noise(2) with { Geo = geo });

            Assert.Equal(
                [[system.Value.GetProperty("name").GetString()!, system.Value.GetProperty("wkt").GetString()!]],
                file.Rows("SELECT srs_name, definition FROM gpkg_spatial_ref_sys WHERE srs_id = " + system.Name));
        }
    }

    // The picture of make_geo.py: the upper half, and the two lower quarters. Feet are those of the US survey.
    [Theory]
    [InlineData("utm", 60 * 60)]
    [InlineData("utm-point", 10 * 10)]
    [InlineData("lambert", 20 * 20)]
    [InlineData("feet", 40 * 40 * (1200 / 3937.0) * (1200 / 3937.0))]
    public void Encode_PlaneSystem_HasTheAreaOfThePlane(string name, double pixel)
    {
        using WrittenGeoPackage file = Encode(Picture(name));

        Assert.Equal([48 * 16 * pixel, 24 * 16 * pixel, 24 * 16 * pixel], file.Features.Select(f => f.Area!.Value), WithinMillionth);
    }

    [Theory]
    [InlineData("wgs84")]
    [InlineData("nad83")]
    [InlineData("mercator-rotated")]
    public void Encode_DegreesAndWebMercator_HaveTheAreaOnTheEllipsoid(string name)
    {
        using JsonDocument golden = JsonDocument.Parse(Assets.Geo("areas.json"));

        using WrittenGeoPackage file = Encode(Picture(name));

        Assert.Equal(
            golden.RootElement.GetProperty(name).EnumerateArray().Select(area => area.GetDouble()),
            file.Features.Select(f => f.Area!.Value), WithinMillionth);
    }

    [Theory]
    [InlineData("no-crs")]
    [InlineData("gcps")]
    [InlineData(null)]
    public void Encode_NoSystem_HasNoArea(string? name)
    {
        using WrittenGeoPackage file = Encode(Picture(name));

        Assert.Equal(3, file.Features.Count);
        Assert.All(file.Features, feature => Assert.Null(feature.Area));
    }

    // EPSG:2154 without the key of its unit, and EPSG:4807, which counts in grads.
    [Theory]
    [InlineData(3072, 2154, 0, 0)]
    [InlineData(3072, 2154, 3076, 9036)]
    [InlineData(2048, 4807, 2054, 9105)]
    [InlineData(2048, 4258, 0, 0)]
    public void Encode_UnknownUnit_HasNoArea(ushort key, ushort code, ushort unitKey, ushort unit)
    {
        GeoTags geo = new GeoTags { KeyDirectory = [1, 1, 0, 2, key, 0, 1, code, unitKey, 0, 1, unit] }.WithAffine([0, 1, 0, 0, 0, -1]);

        using WrittenGeoPackage file = Encode(Picture(null) with { Geo = geo });

        Assert.Equal([[(long)code]], file.Rows("SELECT srs_id FROM gpkg_geometry_columns"));
        Assert.All(file.Features, feature => Assert.Null(feature.Area));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Encode_Holes_AreValidAndLeftOutOfTheArea(double tolerance)
    {
        MaskContent content = Noise(3) with { Geo = Georeference("utm") };

        using WrittenGeoPackage file = Encode(content, new() { Tolerance = tolerance });

        Assert.Contains(file.Features, feature => feature.Geometry.Holes.Length > 0);
        Assert.All(file.Features, feature => Assert.True(feature.Geometry.IsValid));
        Assert.All(file.Features, feature => Assert.True(feature.Geometry.Shell.IsCCW));
        Assert.All(file.Features.SelectMany(feature => feature.Geometry.Holes), hole => Assert.False(hole.IsCCW));
        Assert.Equal(48 * 32 * 3600, file.Features.Sum(feature => feature.Area!.Value), 1e-6);
        Assert.All(file.Features, feature => Assert.Equal(feature.Geometry.Area, feature.Area!.Value, 1e-6));
    }

    [Theory]
    [InlineData(3, 0)]
    [InlineData(3, 2)]
    [InlineData(300, 0)]
    public void Encode_MeanConfidence_IsThatOfTheConnectedPixels(int classes, double tolerance)
    {
        MaskContent content = Noise(classes);
        int[] labels = Labels(content);
        byte[] confidence = content.Confidence.ToArray();

        using WrittenGeoPackage file = Encode(content, new() { Tolerance = tolerance });

        // By a flood fill, part by part in the order of their first pixels.
        List<(int Label, double Mean)> expected = [.. Parts(labels).Select(part =>
            (labels[part[0]], part.Average(pixel => (double)confidence[pixel]) / 255))];
        Assert.Equal(expected.OrderBy(part => part.Label).Select(part => part.Label), file.Features.Select(f => f.Index));
        Assert.Equal(
            expected.OrderBy(part => part.Label).Select(part => part.Mean), file.Features.Select(f => f.Confidence!.Value),
            (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.All(file.Features, feature => Assert.Equal($"class {feature.Index}", feature.Class));
    }

    [Fact]
    public void Encode_GraphOfLabels_HasNoConfidence()
    {
        using WrittenGeoPackage file = Encode(Noise(3) with { Confidence = default });

        Assert.NotEmpty(file.Features);
        Assert.All(file.Features, feature => Assert.Null(feature.Confidence));
    }

    [Fact]
    public void Encode_ClassesThatOverlap_HaveTheirOwnPixelsAndProbabilities()
    {
        // The first class has all pixels but a hole of one; the second has two pixels that the first has, too.
        byte[] first = [1, 1, 1, 1, 0, 1, 1, 1, 1], second = [0, 0, 0, 0, 0, 0, 0, 1, 1];
        float[] probabilities = [.. Enumerable.Range(0, 18).Select(i => i / 32f)];
        MaskContent content = Noise(2) with
        {
            Size = new ImageSize(3, 3),
            Labels = new byte[9],
            Claims = (byte[])[.. first, .. second],
            Planes = [new LabelPlane(first, [-1, 0]), new LabelPlane(second, [-1, 1])],
            Confidence = new byte[9],
            Probabilities = probabilities,
        };

        using WrittenGeoPackage file = Encode(content);

        Assert.Equal([0, 1], file.Features.Select(feature => feature.Index));
        Assert.Equal([8.0, 2.0], file.Features.Select(feature => feature.Geometry.Area));
        Assert.Equal([4 / 32.0, 16.5 / 32], file.Features.Select(feature => feature.Confidence!.Value));
    }

    [Fact]
    public void Encode_NoPixelOfAnyClass_IsAnEmptyLayer()
    {
        using WrittenGeoPackage file = Encode(Noise(2) with { Planes = [] });

        Assert.Empty(file.Features);
        Assert.Equal([[DBNull.Value, "roads"]], file.Rows("SELECT min_x, identifier FROM gpkg_contents WHERE table_name = 'roads'"));
    }

    [Fact]
    public void Encode_SpatialIndex_FindsWhatABoxTouches()
    {
        using WrittenGeoPackage file = Encode(Noise(3) with { Geo = Georeference("utm") });

        Assert.Equal([["ok"]], file.Rows("SELECT rtreecheck('rtree_roads_geom')"));
        Assert.Equal(
            [["roads", "geom", "gpkg_rtree_index", "write-only"]],
            file.Rows("SELECT table_name, column_name, extension_name, scope FROM gpkg_extensions"));
        Envelope box = new(441_000, 441_500, 5_750_300, 5_750_700);
        Assert.Equal(
            file.Features.Where(f => f.Geometry.EnvelopeInternal.Intersects(box)).Select(f => f.Id),
            file.Rows(
                "SELECT id FROM rtree_roads_geom WHERE maxx >= 441000 AND minx <= 441500 AND maxy >= 5750300 AND miny <= 5750700 " +
                "ORDER BY id").Select(row => (long)row[0]));
        Assert.Equal([[(long)file.Features.Count]], file.Rows("SELECT count(*) FROM rtree_roads_geom"));
    }

    // With the functions that a GeoPackage's readers bring, the index follows what is edited.
    [Fact]
    public void Encode_Triggers_KeepTheIndexUpToDate()
    {
        using WrittenGeoPackage file = Encode(Picture(null));
        file.AddFunctions();
        long[] Index() => [.. file.Rows("SELECT id FROM rtree_roads_geom ORDER BY id").Select(row => (long)row[0])];

        file.Rows("DELETE FROM roads WHERE fid = 1");
        Assert.Equal([2, 3], Index());
        file.Rows("UPDATE roads SET fid = 7 WHERE fid = 3");
        Assert.Equal([2, 7], Index());
        file.Rows("UPDATE roads SET geom = (SELECT geom FROM roads WHERE fid = 7) WHERE fid = 2");
        Assert.Equal(
            file.Rows("SELECT minx, maxx, miny, maxy FROM rtree_roads_geom WHERE id = 7"),
            file.Rows("SELECT minx, maxx, miny, maxy FROM rtree_roads_geom WHERE id = 2"));
        file.Rows("UPDATE roads SET geom = NULL WHERE fid = 2");
        Assert.Equal([7], Index());
        file.Rows("UPDATE roads SET fid = 8, geom = NULL WHERE fid = 7");
        Assert.Empty(Index());
        file.Rows("INSERT INTO roads (geom) VALUES (x'" + Convert.ToHexString(new GeoPackageGeoWriter().Write(new Point(1, 2))) + "')");
        Assert.Single(Index());
    }

    [Fact]
    public void Encode_File_IsWhole()
    {
        using WrittenGeoPackage file = Encode(Noise(3) with { Geo = Georeference("wgs84") });

        Assert.Equal([["ok"]], file.Rows("PRAGMA integrity_check"));
        Assert.Empty(file.Rows("PRAGMA foreign_key_check"));
        Assert.Equal([[0x47504B47L]], file.Rows("PRAGMA application_id"));
        Assert.Equal([[10300L]], file.Rows("PRAGMA user_version"));
        Assert.Equal(
            ["fid", "geom", "class", "index", "area_m2", "mean_confidence"],
            file.Rows("SELECT name FROM pragma_table_info('roads')").Select(row => row[0]));
    }

    [Fact]
    public void Encode_Style_HasTheColoursOfTheClasses()
    {
        MaskContent content = Picture(null) with
        {
            Classes = ClassTable.Create(new ClassesManifest
            {
                Names = ["a < b", "ü\u0001", "c"], Palette = ["#010203", "#fffefd", "#102030"],
            }),
        };

        using WrittenGeoPackage file = Encode(content);

        object[] row = Assert.Single(file.Rows(
            "SELECT f_table_schema, f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"));
        Assert.Equal(["", "roads", "geom", 1L], row[..4]);
        XElement style = XElement.Parse(((string)row[4])[((string)row[4]).IndexOf("<qgis", StringComparison.Ordinal)..]);
        XElement renderer = style.Element("renderer-v2")!;
        Assert.Equal("index", (string?)renderer.Attribute("attr"));
        Assert.Equal(
            [("0", "a < b", "1,2,3,255"), ("1", "ü", "255,254,253,255"), ("2", "c", "16,32,48,255")],
            from category in renderer.Element("categories")!.Elements()
            let symbol = renderer.Element("symbols")!.Elements()
                .Single(symbol => (string?)symbol.Attribute("name") == (string?)category.Attribute("symbol"))
            let color = symbol.Descendants("prop").Single(prop => (string?)prop.Attribute("k") == "color")
            select ((string?)category.Attribute("value"), (string?)category.Attribute("label"), (string?)color.Attribute("v")));
        Assert.Contains("attributes", file.Rows("SELECT data_type FROM gpkg_contents").Select(r => r[0]));
    }

    [Theory]
    [InlineData("camvid-deeplabv3plus", "camvid-deeplabv3plus")]
    [InlineData("a \"b\" 'c' <index> $fid {d} ü", "a \"b\" 'c' <index> $fid {d} ü")]
    [InlineData("sqlite_x", "model_sqlite_x")]
    [InlineData("GPKG_contents", "model_GPKG_contents")]
    [InlineData("rtree_a", "model_rtree_a")]
    [InlineData("layer_styles", "model_layer_styles")]
    public void Encode_NameOfTheModel_IsTheLayers(string model, string table)
    {
        using WrittenGeoPackage file = Encode(Picture(null) with { Model = model });

        Assert.Equal(table, file.Layer);
        Assert.Equal(3, file.Features.Count);
        Assert.Equal([[model]], file.Rows("SELECT identifier FROM gpkg_contents WHERE data_type = 'features'"));
        Assert.Equal(["red", "green", "blue"], file.Features.Select(feature => feature.Class));
        Assert.Equal(6, file.Rows("SELECT name FROM sqlite_master WHERE type = 'trigger'").Count);
    }

    [Fact]
    public async Task Encode_AtTheSameTime_GivesEqualBytes()
    {
        MaskContent content = Noise(3) with { Geo = Georeference("wgs84") };
        byte[] first = Bytes(content);

        byte[][] all = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(() => Bytes(content))));

        Assert.All(all, bytes => Assert.Equal(first, bytes));
    }

    [GdalTheory]
    [InlineData("utm", "ID[\"EPSG\",32633]")]
    [InlineData("lambert", "ID[\"EPSG\",2154]")]
    [InlineData("wgs84", "ID[\"EPSG\",4326]")]
    [InlineData(null, "Undefined Cartesian SRS")]
    public void Encode_Layer_IsWhatGdalSays(string? name, string system)
    {
        MaskContent content = Picture(name);
        using WrittenGeoPackage file = Encode(content);

        string said = GdalTheoryAttribute.Run("ogrinfo", "-so", file.Path, "roads");
        string[] rows = GdalTheoryAttribute.Run("ogr2ogr", "-f", "CSV", "/vsistdout/", file.Path, "roads").Trim().Split('\n');

        Assert.Contains("Geometry: Polygon\nFeature Count: 3\n", said, StringComparison.Ordinal);
        Assert.Contains(system, said, StringComparison.Ordinal);
        Assert.Contains("FID Column = fid\nGeometry Column = geom\nclass: String", said, StringComparison.Ordinal);
        Assert.Equal("class,index,area_m2,mean_confidence", rows[0]);
        string[][] cells = [.. rows.Skip(1).Select(row => row.Split(','))];
        Assert.Equal(["red", "green", "blue"], cells.Select(cell => cell[0].Trim('"')));
        Assert.Equal(
            file.Features.Select(feature => feature.Area),
            cells.Select(cell => cell[2].Length == 0 ? (double?)null : double.Parse(cell[2], CultureInfo.InvariantCulture)),
            (a, b) => a == b || Math.Abs(a!.Value - b!.Value) < 1e-8 * a);
    }

    private static bool WithinMillionth(double expected, double actual) => Math.Abs(expected - actual) < 1e-6 * expected;

    private static GeoTags? Georeference(string? name) =>
        name is null ? null : GeoTags.Read(new TiffDirectory(Assets.Geo(name + ".tif")));

    private static byte[] Bytes(MaskContent content, FormatSettings? options = null)
    {
        ArrayBufferWriter<byte> output = new();
        MaskFormat.GeoPackage.Encoder.Encode(content, options ?? FormatSettings.Default, output);
        return output.WrittenSpan.ToArray();
    }

    private static WrittenGeoPackage Encode(MaskContent content, FormatSettings? options = null) => new(Bytes(content, options));

    // Red above, green below on the left, blue below on the right.
    private static MaskContent Picture(string? name)
    {
        byte[] labels = [.. Enumerable.Range(0, (int)Size.Pixels).Select(i => (byte)(i / 48 < 16 ? 0 : 1 + (i % 48 / 24)))];
        return Noise(3) with
        {
            Labels = labels,
            Planes = [new LabelPlane(labels)],
            Classes = ClassTable.Create(new ClassesManifest { Names = ["red", "green", "blue"], Palette = ["voc"] }),
            Geo = Georeference(name),
        };
    }

    private static MaskContent Noise(int classes)
    {
        Random random = new(5);
        byte[] labels = [], confidence = new byte[Size.Pixels];
        ushort[] wide = [];
        random.NextBytes(confidence);
        List<LabelPlane> planes = [];
        if (classes > 256)
        {
            wide = [.. Enumerable.Range(0, (int)Size.Pixels).Select(_ => (ushort)random.Next(classes))];
            foreach (int[] some in Enumerable.Range(0, classes).Chunk(LabelPlane.Others))
            {
                byte[] plane = new byte[wide.Length];
                LabelPlane.Narrow(wide, some, plane);
                planes.Add(new LabelPlane(plane, some));
            }
        }
        else
        {
            labels = [.. Enumerable.Range(0, (int)Size.Pixels).Select(_ => (byte)random.Next(classes))];
            planes.Add(new LabelPlane(labels));
        }

        string[] names = [.. Enumerable.Range(0, classes).Select(i => $"class {i}")];
        return new MaskContent
        {
            Model = "roads",
            Version = 3,
            Classes = ClassTable.Create(new ClassesManifest { Names = names, Palette = ["voc"] }),
            Channels = classes,
            Size = Size,
            Labels = labels,
            WideLabels = wide,
            Planes = planes,
            Confidence = confidence,
            Probabilities = default,
            Image = default,
        };
    }

    private static int[] Labels(MaskContent content) =>
        content.WideLabels.IsEmpty
            ? [.. content.Labels.ToArray().Select(l => (int)l)]
            : [.. content.WideLabels.ToArray().Select(l => (int)l)];

    private static List<List<int>> Parts(int[] labels)
    {
        List<List<int>> parts = [];
        bool[] seen = new bool[labels.Length];
        for (int first = 0; first < labels.Length; first++)
        {
            if (seen[first])
            {
                continue;
            }

            List<int> part = [];
            Stack<int> next = new([first]);
            seen[first] = true;
            while (next.TryPop(out int at))
            {
                part.Add(at);
                foreach ((int right, int down) in ((int, int)[])[(-1, 0), (1, 0), (0, -1), (0, 1)])
                {
                    (int x, int y) = ((at % 48) + right, (at / 48) + down);
                    int to = (y * 48) + x;
                    if (x is >= 0 and < 48 && y is >= 0 and < 32 && !seen[to] && labels[to] == labels[first])
                    {
                        seen[to] = true;
                        next.Push(to);
                    }
                }
            }

            parts.Add(part);
        }

        return parts;
    }

    // The mask whose polygons the layer has, each pixel from one polygon.
    private static byte[] Fill(WrittenGeoPackage file, Geotransform t)
    {
        double scale = (t.ColumnX * t.RowY) - (t.RowX * t.ColumnY);
        GridPoint ToPixel(Coordinate at)
        {
            (double x, double y) = (at.X - t.OriginX, at.Y - t.OriginY);
            (double column, double row) = (((x * t.RowY) - (y * t.RowX)) / scale, ((y * t.ColumnX) - (x * t.ColumnY)) / scale);
            Assert.Equal(Math.Round(column), column, 1e-6);
            Assert.Equal(Math.Round(row), row, 1e-6);
            return new GridPoint((int)Math.Round(column), (int)Math.Round(row));
        }

        byte[] mask = new byte[Size.Pixels];
        Array.Fill(mask, byte.MaxValue);
        foreach (WrittenGeoPackage.Feature feature in file.Features)
        {
            LabelPolygon polygon = new(
                (byte)feature.Index,
                [
                    .. feature.Geometry.Holes.Prepend(feature.Geometry.Shell)
                        .Select(ring => ring.Coordinates[1..].Select(ToPixel).ToArray()),
                ]);
            LabelRegion box = PolygonFill.Box(polygon);
            byte[] filled = PolygonFill.Fill(polygon, box);
            for (int i = 0; i < filled.Length; i++)
            {
                int at = ((box.Top + (i / box.Width)) * Size.Width) + box.Left + (i % box.Width);
                if (filled[i] != 0)
                {
                    Assert.Equal(byte.MaxValue, mask[at]);
                    mask[at] = (byte)feature.Index;
                }
            }
        }

        return mask;
    }
}

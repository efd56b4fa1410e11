using Microsoft.Data.Sqlite;
using NetTopologySuite.Geometries;
using NetTopologySuite.IO;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>A GeoPackage in a file, and what is in it.</summary>
internal sealed class WrittenGeoPackage : IDisposable
{
    private readonly SqliteConnection _connection;

    public WrittenGeoPackage(byte[] bytes)
    {
        File.WriteAllBytes(Path, bytes);
        _connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        _connection.Open();
        Layer = (string)Rows("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'").Single()[0];
        string quoted = $"\"{Layer.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        Features =
        [
            .. Rows($"SELECT fid, geom, class, \"index\", area_m2, mean_confidence FROM {quoted} ORDER BY fid")
                .Select(row => new Feature(
                    (long)row[0], (Polygon)new GeoPackageGeoReader { HandleSRID = true }.Read((byte[])row[1]), (string)row[2],
                    (int)(long)row[3], row[4] as double?, row[5] as double?)),
        ];
    }

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), System.IO.Path.GetRandomFileName() + ".gpkg");

    public string Layer { get; }

    public List<Feature> Features { get; }

    public List<object[]> Rows(string sql)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        using SqliteDataReader reader = command.ExecuteReader();
        List<object[]> rows = [];
        while (reader.Read())
        {
            object[] row = new object[reader.FieldCount];
            reader.GetValues(row);
            rows.Add(row);
        }

        return rows;
    }

    /// <summary>The functions that the triggers of the spatial index call.</summary>
    public void AddFunctions()
    {
        _connection.CreateFunction("ST_IsEmpty", (byte[]? geometry) => geometry is null ? (bool?)null : Read(geometry).IsEmpty);
        _connection.CreateFunction("ST_MinX", (byte[] geometry) => Read(geometry).EnvelopeInternal.MinX);
        _connection.CreateFunction("ST_MaxX", (byte[] geometry) => Read(geometry).EnvelopeInternal.MaxX);
        _connection.CreateFunction("ST_MinY", (byte[] geometry) => Read(geometry).EnvelopeInternal.MinY);
        _connection.CreateFunction("ST_MaxY", (byte[] geometry) => Read(geometry).EnvelopeInternal.MaxY);

        static Geometry Read(byte[] geometry) => new GeoPackageGeoReader().Read(geometry);
    }

    public void Dispose()
    {
        _connection.Dispose();
        File.Delete(Path);
    }

    public sealed record Feature(long Id, Polygon Geometry, string Class, int Index, double? Area, double? Confidence);
}

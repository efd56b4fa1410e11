using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using NetTopologySuite.Geometries;
using NetTopologySuite.IO;
using SQLitePCL;

namespace InferenceServer.Runtime.Formats;

/// <summary>A GeoPackage of version 1.3 with one layer of polygons, its spatial index and QGIS's style for it, in memory.
/// </summary>
/// <remarks>OGC 12-128r17; the index is the standard's extension gpkg_rtree_index. Equal content gives equal bytes, so
/// times are fixed.</remarks>
internal sealed class GeoPackageFile : IDisposable
{
    private const string Time = "1980-01-01T00:00:00.000Z";
    private const int ChunkBytes = 64 * 1024, SerializeNoCopy = 1;

    // SQLite's own store in memory: one piece, of which no second copy is made, and which no other connection sees.
    private readonly SqliteConnection _connection = new("Data Source=file:mask?vfs=memdb;Pooling=False");
    private readonly SqliteTransaction _transaction;
    private readonly SqliteCommand _addFeature, _addToIndex;
    private readonly GeoPackageGeoWriter _geometry = new() { HandleOrdinates = Ordinates.XY };
    private readonly Envelope _extent = new();
    private readonly MapSystem _system;
    private readonly string _table, _quoted, _index;
    private long _features;

    /// <summary>Begins a file.</summary>
    /// <param name="layer">Name of the layer.</param>
    /// <param name="description">What the layer is.</param>
    /// <param name="system">The layer's coordinate reference system.</param>
    public GeoPackageFile(string layer, string description, MapSystem system)
    {
        _system = system;
        _table = TableOf(layer);
        _quoted = Quoted(_table);
        _index = Quoted($"rtree_{_table}_geom");
        _connection.Open();
        Run("PRAGMA application_id = 0x47504B47; PRAGMA user_version = 10300; PRAGMA temp_store = MEMORY; " +
            "PRAGMA journal_mode = OFF;");
        _transaction = _connection.BeginTransaction();
        Run(Schema);
        foreach (MapSystem row in new[] { MapSystem.Undefined, MapSystem.UndefinedGeographic, MapSystem.Wgs84, system }
            .DistinctBy(row => row.Id))
        {
            Run(
                "INSERT INTO gpkg_spatial_ref_sys VALUES ($name, $id, $organization, $id, $definition, NULL)",
                ("$name", row.Name), ("$id", row.Id), ("$organization", row.Organization), ("$definition", row.Definition));
        }

        Run(
            "INSERT INTO gpkg_contents VALUES ($table, 'features', $layer, $description, $time, NULL, NULL, NULL, NULL, $id)",
            ("$table", _table), ("$layer", layer), ("$description", description), ("$time", Time), ("$id", system.Id));
        Run(
            "INSERT INTO gpkg_geometry_columns VALUES ($table, 'geom', 'POLYGON', $id, 0, 0)",
            ("$table", _table), ("$id", system.Id));
        Run(
            $"CREATE TABLE {_quoted} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POLYGON, class TEXT, " +
            "\"index\" INTEGER, area_m2 DOUBLE, mean_confidence DOUBLE)");
        Run($"CREATE VIRTUAL TABLE {_index} USING rtree(id, minx, maxx, miny, maxy)");
        _addFeature = Command(
            $"INSERT INTO {_quoted} VALUES ($fid, $geom, $class, $index, $area, $confidence)",
            "$fid", "$geom", "$class", "$index", "$area", "$confidence");
        _addToIndex = Command(
            $"INSERT INTO {_index} VALUES ($fid, $left, $right, $bottom, $top)", "$fid", "$left", "$right", "$bottom", "$top");
    }

    /// <summary>Adds a feature.</summary>
    /// <param name="polygon">The geometry, in the layer's system.</param>
    /// <param name="name">Name of its class.</param>
    /// <param name="index">Index of its class.</param>
    /// <param name="area">Square metres; null where they are not known.</param>
    /// <param name="confidence">Mean confidence, 0 to 1; null where the model has none.</param>
    public void Add(Polygon polygon, string name, int index, double? area, double? confidence)
    {
        polygon.SRID = _system.Id;
        Envelope box = polygon.EnvelopeInternal;
        _features++;
        Run(_addFeature, _features, _geometry.Write(polygon), name, index, area, confidence);
        Run(_addToIndex, _features, box.MinX, box.MaxX, box.MinY, box.MaxY);
        _extent.ExpandToInclude(box);
    }

    /// <summary>Adds the style that QGIS gives the layer: a colour for each class.</summary>
    /// <param name="classes">Index, name and colour (#rrggbb) of each class in the layer.</param>
    public void AddStyle(IReadOnlyList<(int Index, string Name, string Color)> classes)
    {
        string categories = string.Concat(classes.Select((of, i) => string.Create(
            CultureInfo.InvariantCulture,
            $"""<category value="{of.Index}" type="long" symbol="{i}" label="{XmlText.Escape(of.Name)}" render="true"/>""")));
        string symbols = string.Concat(classes.Select((of, i) => string.Create(
            CultureInfo.InvariantCulture,
            $"""<symbol name="{i}" type="fill" alpha="1"><layer class="SimpleFill" enabled="1" locked="0" pass="0">""" +
            $"""<prop k="color" v="{Rgb(of.Color)},255"/><prop k="outline_style" v="no"/><prop k="style" v="solid"/>""" +
            $"""</layer></symbol>""")));
        Run(
            "INSERT INTO layer_styles VALUES (1, '', '', $table, 'geom', 'classes', $style, '', 1, '', '', NULL, $time)",
            ("$table", _table), ("$time", Time),
            ("$style", "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>" +
                """<qgis version="3.0.0" styleCategories="Symbology"><renderer-v2 type="categorizedSymbol" attr="index">""" +
                $"<categories>{categories}</categories><symbols>{symbols}</symbols></renderer-v2></qgis>"));
        Run(
            "INSERT INTO gpkg_contents VALUES ('layer_styles', 'attributes', NULL, '', $time, NULL, NULL, NULL, NULL, NULL)",
            ("$time", Time));
    }

    /// <summary>Ends the file.</summary>
    /// <param name="output">Receives the bytes.</param>
    public void Write(IBufferWriter<byte> output)
    {
        if (!_extent.IsNull)
        {
            Run(
                "UPDATE gpkg_contents SET min_x = $left, min_y = $bottom, max_x = $right, max_y = $top WHERE table_name = $table",
                ("$left", _extent.MinX), ("$bottom", _extent.MinY), ("$right", _extent.MaxX), ("$top", _extent.MaxY),
                ("$table", _table));
        }

        // Their functions are the reader's, so they come after the rows.
        Run(Triggers());
        Run(
            "INSERT INTO gpkg_extensions VALUES ($table, 'geom', 'gpkg_rtree_index', " +
            "'http://www.geopackage.org/spec120/#extension_rtree', 'write-only')",
            ("$table", _table));
        _transaction.Commit();
        nint bytes = raw.sqlite3_serialize(_connection.Handle, "main", out long size, SerializeNoCopy);
        if (bytes == 0)
        {
            throw new InvalidOperationException("SQLite does not hold the file in one piece of memory.");
        }

        byte[] chunk = new byte[ChunkBytes];
        for (long at = 0; at < size; at += chunk.Length)
        {
            int count = (int)Math.Min(chunk.Length, size - at);
            Marshal.Copy((nint)(bytes + at), chunk, 0, count);
            output.Write(chunk.AsSpan(0, count));
        }
    }

    public void Dispose()
    {
        _addFeature.Dispose();
        _addToIndex.Dispose();
        _transaction.Dispose();
        _connection.Dispose();
    }

    // The standard and SQLite keep some names to themselves.
    private static string TableOf(string layer)
    {
        string[] reserved = ["gpkg_", "rtree_", "sqlite_", "layer_styles"];
        if (reserved.Any(start => layer.StartsWith(start, StringComparison.OrdinalIgnoreCase)))
        {
            return "model_" + layer;
        }

        return layer;
    }

    // #rrggbb to three decimal numbers.
    private static string Rgb(string color) => string.Join(',', Convert.FromHexString(color.AsSpan(1)));

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private SqliteCommand Command(string sql, params ReadOnlySpan<string> names)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = _transaction;
        foreach (string name in names)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = name });
        }

        return command;
    }

    private static void Run(SqliteCommand command, params ReadOnlySpan<object?> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        }

        command.ExecuteNonQuery();
    }

    private void Run(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using SqliteCommand command = Command(sql);
        foreach ((string name, object value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        command.ExecuteNonQuery();
    }

    // Table definitions of the standard's annex C, and of QGIS.
    private const string Schema =
        """
        CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
          organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
        CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
          description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
          min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
          CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
        CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
          geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
          CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
          CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
          CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
        CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
          definition TEXT NOT NULL, scope TEXT NOT NULL,
          CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
        CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
          f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
          styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
          update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
        """;

    // The standard's, of the extension gpkg_rtree_index.
    private string Triggers() =>
        $"""
        CREATE TRIGGER {Trigger("insert")} AFTER INSERT ON {_quoted} WHEN (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
        BEGIN
          INSERT OR REPLACE INTO {_index} VALUES (
            NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom));
        END;
        CREATE TRIGGER {Trigger("update1")} AFTER UPDATE OF geom ON {_quoted}
          WHEN OLD.fid = NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
        BEGIN
          INSERT OR REPLACE INTO {_index} VALUES (
            NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom));
        END;
        CREATE TRIGGER {Trigger("update2")} AFTER UPDATE OF geom ON {_quoted}
          WHEN OLD.fid = NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
        BEGIN
          DELETE FROM {_index} WHERE id = OLD.fid;
        END;
        CREATE TRIGGER {Trigger("update3")} AFTER UPDATE ON {_quoted}
          WHEN OLD.fid != NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
        BEGIN
          DELETE FROM {_index} WHERE id = OLD.fid;
          INSERT OR REPLACE INTO {_index} VALUES (
            NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom));
        END;
        CREATE TRIGGER {Trigger("update4")} AFTER UPDATE ON {_quoted}
          WHEN OLD.fid != NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
        BEGIN
          DELETE FROM {_index} WHERE id IN (OLD.fid, NEW.fid);
        END;
        CREATE TRIGGER {Trigger("delete")} AFTER DELETE ON {_quoted} WHEN OLD.geom NOT NULL
        BEGIN
          DELETE FROM {_index} WHERE id = OLD.fid;
        END;
        """;

    private string Trigger(string on) => Quoted($"rtree_{_table}_geom_{on}");
}

using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Parameters;
using NetVips;

namespace InferenceServer.Tests.Clients;

/// <summary>The QGIS Processing script, run by QGIS against a server.</summary>
[Collection(SharedServer.Name)]
public sealed class QgisTests(SegmentationServer server) : IDisposable
{
    private const string Script = "inference_server_segment";
    private static readonly string Folder = Path.Combine(Repository.Root, "clients", "qgis");

    // The one that QGIS's own modules are installed for.
    private static readonly string Python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
    private readonly string _profile = Directory.CreateTempSubdirectory().FullName;

    private string Mask => Path.Combine(_profile, "mask.tif");

    public void Dispose() => Directory.Delete(_profile, recursive: true);

    [ProgramFact("python3")]
    public async Task Script_OwnTests_Pass()
    {
        (int exitCode, string output) = await RunAsync(Python, Path.Combine(Folder, $"test_{Script}.py"));

        Assert.True(exitCode == 0, output);
        Assert.Contains("Ran 12 tests", output, StringComparison.Ordinal);
    }

    [ProgramFact("python3")]
    public async Task Script_ParametersAndWords_AreTheTables()
    {
        (_, string output) = await RunAsync(Python, Path.Combine(Folder, $"test_{Script}.py"), "--words");
        JsonElement words = JsonDocument.Parse(output).RootElement;

        Assert.All(
            words.GetProperty("parameters").EnumerateObject(),
            parameter => Assert.NotNull(RequestParameters.Find(parameter.Value.GetString()!)));
        Assert.All(
            words.EnumerateObject().Where(list => list.Name != "parameters"),
            list => Assert.Empty(
                list.Value.EnumerateArray().Select(word => word.GetString()!).Except(RequestParameters.Find(list.Name)!.Words)));
    }

    [QgisTheory]
    [InlineData("utm", "format=geotiff")]
    [InlineData("wgs84", "format=cog&confidence=true&mode=slide&resize=none&crop=16&halo=4&blend=hann&flip=true", "FORMAT=cog",
        "CONFIDENCE=true", "MODE=slide", "RESIZE=none", "CROP=16", "HALO=4", "BLEND=hann", "FURTHER=flip=true")]
    [InlineData("own-crs", "format=geotiff&bands=3,2,1&value_scaling=min-max:0,255", "BANDS=3,2,1", "VALUE_SCALING=min-max:0,255")]
    public async Task Segment_GeoTiff_IsTheServersAnswer(string image, string query, params string[] parameters)
    {
        string file = Path.Combine(Repository.Root, "tests", "assets", "geo", image + ".tif");

        (int exitCode, string output) = await SegmentAsync(server.Client.BaseAddress!, file, parameters);

        using HttpResponseMessage direct = await server.Client.PostAsync(
            "/v1/segment/tiny?" + query, Photo.Content(await File.ReadAllBytesAsync(file), "image/tiff"));
        Assert.True(exitCode == 0, output);
        byte[] mask = await File.ReadAllBytesAsync(Mask);
        Assert.Equal(await direct.Content.ReadAsByteArrayAsync(), mask);
        GeoTags expected = GeoTags.Read(new TiffDirectory(await File.ReadAllBytesAsync(file)))!;
        Assert.Equal(expected.Affine!, GeoTags.Read(new TiffDirectory(mask))!.Affine!);
        Assert.Equal(expected.KeyDirectory, GeoTags.Read(new TiffDirectory(mask))!.KeyDirectory);
    }

    [QgisFact]
    public async Task Segment_OtherFile_IsSentAsAGeoTiff()
    {
        string image = Path.Combine(_profile, "image.png");
        await File.WriteAllBytesAsync(image, Photo.Png);
        await File.WriteAllLinesAsync(Path.Combine(_profile, "image.pgw"), ["60", "0", "0", "-60", "440750", "5751290"]);

        (int exitCode, string output) = await SegmentAsync(server.Client.BaseAddress!, image);

        Assert.True(exitCode == 0, output);
        byte[] mask = await File.ReadAllBytesAsync(Mask);
        Assert.Equal([440720, 60, 0, 5751320, 0, -60], GeoTags.Read(new TiffDirectory(mask))!.Affine!);
        using Image colors = Image.NewFromBuffer(mask);
        byte[][] palette = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
        Assert.Equal(Photo.Labels.SelectMany(label => palette[label]), colors.WriteToMemory<byte>());
    }

    [QgisFact]
    public async Task Segment_RefusedByTheServer_SaysWhyAndWritesNothing()
    {
        string image = Path.Combine(Repository.Root, "tests", "assets", "geo", "utm.tif");

        (int exitCode, string output) = await SegmentAsync(server.Client.BaseAddress!, image, "BANDS=1,2,9");

        Assert.NotEqual(0, exitCode);
        using HttpResponseMessage direct = await server.Client.PostAsync(
            "/v1/segment/tiny?bands=1,2,9", Photo.Content(await File.ReadAllBytesAsync(image), "image/tiff"));
        JsonElement problem = JsonDocument.Parse(await direct.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Contains(
            $"The server answered {(int)direct.StatusCode}. {problem.GetProperty("title")}: {problem.GetProperty("detail")}", output,
            StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(_profile, "mask.tif*"));
    }

    [QgisFact]
    public async Task Segment_FullServer_IsAskedAgainWithTheKey()
    {
        using HttpListener full = Loopback.Listen(out Uri address);
        Task<(int ExitCode, string Output)> run = SegmentAsync(
            address, Path.Combine(Repository.Root, "tests", "assets", "geo", "utm.tif"), "KEY=secret");
        foreach (int status in (int[])[429, 502, 503, 200])
        {
            HttpListenerContext http = await full.GetContextAsync();
            await http.Request.InputStream.CopyToAsync(Stream.Null);
            Assert.Equal("Bearer secret", http.Request.Headers["Authorization"]);
            http.Response.StatusCode = status;
            http.Response.Headers["Retry-After"] = "0";
            http.Response.Close([1, 2, 3], willBlock: false);
        }

        (int exitCode, string output) = await run;
        Assert.True(exitCode == 0, output);
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(Mask));
    }

    private Task<(int ExitCode, string Output)> SegmentAsync(Uri address, string image, params string[] parameters)
    {
        string scripts = Path.Combine(_profile, "profiles", "default", "processing", "scripts");
        File.Copy(Path.Combine(Folder, Script + ".py"), Path.Combine(Directory.CreateDirectory(scripts).FullName, Script + ".py"));
        return RunAsync(
            QgisFactAttribute.Program!,
            ["run", "script:" + Script, "--", "INPUT=" + image, $"SERVER={address}", "MODEL=tiny", "OUTPUT=" + Mask, .. parameters]);
    }

    private async Task<(int ExitCode, string Output)> RunAsync(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["QT_QPA_PLATFORM"] = "offscreen";
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["GDAL_PAM_ENABLED"] = "NO"; // else QGIS writes statistics beside the images
        foreach (string folder in (string[])["QGIS_CUSTOM_CONFIG_PATH", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"])
        {
            start.Environment[folder] = _profile;
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }
}

/// <summary>A test that needs QGIS's command line, and says so where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class QgisFactAttribute : FactAttribute
{
    /// <summary>Looks for the program.</summary>
    public QgisFactAttribute([CallerMemberName] string test = "")
    {
        if (Program is null)
        {
            Skip = Reason;
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    internal static string Reason => "qgis_process is not installed; apt-get install qgis python3-qgis";

    // Debian's qgis_process passes on an option that the program does not know; the program itself is beside it.
    internal static string? Program { get; } = ((string[])["qgis_process.bin", "qgis_process"])
        .FirstOrDefault(name => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(f => File.Exists(Path.Combine(f, name))));
}

/// <inheritdoc cref="QgisFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
public sealed class QgisTheoryAttribute : TheoryAttribute
{
    /// <summary>Looks for the program.</summary>
    public QgisTheoryAttribute([CallerMemberName] string test = "")
    {
        if (QgisFactAttribute.Program is null)
        {
            Skip = QgisFactAttribute.Reason;
            DisplayName = $"{test}: {Skip}";
        }
    }
}

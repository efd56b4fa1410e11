using System.Diagnostics;
using System.Net;
using InferenceServer.Tests.Dialects;

namespace InferenceServer.Tests.Clients;

/// <summary>The examples of the documentation, run as they stand.</summary>
[Collection(SharedServer.Name)]
public sealed class ExamplesTests(SegmentationServer server) : IDisposable
{
    private const string Python = "segment.py";
    private const string JavaScript = "segment.mjs";
    private const string Key = "a key that a server without keys ignores";
    private readonly string _photo = Path.GetTempFileName();

    private string Mask => _photo + ".mask.png";

    private string Images => _photo + ".images";

    private string Masks => Path.Combine(_photo + ".images", "masks");

    public void Dispose()
    {
        File.Delete(_photo);
        File.Delete(Mask);
        if (Directory.Exists(Images))
        {
            Directory.Delete(Images, recursive: true);
        }
    }

    [ProgramFact("python3")]
    public Task Segment_Python_IsTheMask() => IsTheMaskAsync("python3", Python);

    [ProgramFact("node")]
    public Task Segment_JavaScript_IsTheMask() => IsTheMaskAsync("node", JavaScript);

    [ProgramFact("python3")]
    public Task Segment_PythonRefused_SaysWhyAndWritesNothing() => SaysWhyAsync("python3", Python);

    [ProgramFact("node")]
    public Task Segment_JavaScriptRefused_SaysWhyAndWritesNothing() => SaysWhyAsync("node", JavaScript);

    [ProgramFact("python3")]
    public Task Segment_PythonBehindAFullProxy_ComesAgain() => ComesAgainAsync("python3", Python);

    [ProgramFact("node")]
    public Task Segment_JavaScriptBehindAFullProxy_ComesAgain() => ComesAgainAsync("node", JavaScript);

    [ProgramFact("python3")]
    public Task Segment_PythonWithAKey_SendsIt() => SendsTheKeyAsync("python3", Python);

    [ProgramFact("node")]
    public Task Segment_JavaScriptWithAKey_SendsIt() => SendsTheKeyAsync("node", JavaScript);

    [ProgramFact("python3")]
    public async Task SegmentFolder_SomeImages_AreMasksAndARunGoesOn()
    {
        Directory.CreateDirectory(Images);
        await File.WriteAllBytesAsync(Path.Combine(Images, "a.png"), Photo.Png);
        await File.WriteAllBytesAsync(Path.Combine(Images, "b.JPG"), Photo.Noise(jpeg: true));
        await File.WriteAllTextAsync(Path.Combine(Images, "notes.txt"), "no image");

        (int exitCode, string output, string error) = await RunFolderAsync(server.Client.BaseAddress!, "tiny");
        Assert.True(exitCode == 0, error);
        Assert.Contains("2 masks written, 0 there before, 0 failed", output, StringComparison.Ordinal);
        Assert.Equal(["a.png.png", "b.JPG.png"], Directory.GetFiles(Masks).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(Photo.Labels, PngImage.Read(await File.ReadAllBytesAsync(Path.Combine(Masks, "a.png.png"))).Samples);

        await File.WriteAllTextAsync(Path.Combine(Images, "c.png"), "no image");
        await File.WriteAllBytesAsync(Path.Combine(Images, "d.png"), Photo.Png);
        (exitCode, output, error) = await RunFolderAsync(server.Client.BaseAddress!, "tiny");
        Assert.Equal(1, exitCode);
        Assert.Contains("1 masks written, 2 there before, 1 failed", output, StringComparison.Ordinal);
        Assert.StartsWith("c.png: 415", error, StringComparison.Ordinal);
        Assert.Equal(Photo.Labels, PngImage.Read(await File.ReadAllBytesAsync(Path.Combine(Masks, "d.png.png"))).Samples);
    }

    [ProgramFact("python3")]
    public async Task SegmentFolder_BehindAFullProxy_ComesAgainWithItsKey()
    {
        Directory.CreateDirectory(Images);
        await File.WriteAllBytesAsync(Path.Combine(Images, "a.png"), Photo.Png);
        using HttpListener proxy = Loopback.Listen(out Uri address);
        Task<(int ExitCode, string Output, string Error)> run = RunFolderAsync(address, "");
        foreach (int status in (int[])[429, 502, 503, 200])
        {
            await AnswerAsync(proxy, status);
        }

        (int exitCode, string output, string error) = await run;
        Assert.True(exitCode == 0, error);
        Assert.Contains("a.png: 502, again in", output, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(Path.Combine(Masks, "a.png.png")));
    }

    // The real FiftyOne where Python has it, else a stand-in with what the example calls.
    [PythonFact("numpy, PIL.Image")]
    public async Task FiftyOne_DataSet_GetsMasksAndTheNamesOfClasses()
    {
        await File.WriteAllBytesAsync(_photo, Photo.Png);
        string code = """
            import os, sys, types
            try:
                import fiftyone as fo
                dataset = fo.Dataset()
                dataset.add_samples([fo.Sample(filepath=sys.argv[3]), fo.Sample(filepath=sys.argv[3])])
            except ImportError:
                class Sample(dict):
                    filepath = sys.argv[3]
                    has_field = dict.__contains__
                class Dataset(list):
                    mask_targets, saved = {}, False
                    def iter_samples(self, autosave):
                        return iter(self)
                    def save(self):
                        self.saved = True
                fo = types.ModuleType("fiftyone")
                fo.Segmentation = lambda mask: types.SimpleNamespace(mask=mask)
                sys.modules["fiftyone"] = fo
                dataset = Dataset([Sample(), Sample()])
            sys.path.insert(0, sys.argv[1])
            import fiftyone_segment
            fiftyone_segment.segment(dataset, sys.argv[2])
            fiftyone_segment.segment(dataset, sys.argv[2])
            masks = [sample["inference_server"].mask for sample in dataset.iter_samples(autosave=False)]
            print(dataset.mask_targets["inference_server"], len(masks), all(m.tobytes() == masks[0].tobytes() for m in masks))
            print(masks[0].shape, masks[0].tobytes().hex())
            """;

        (int exitCode, string output, string error) = PythonFactAttribute.Run(
            code, Path.Combine(Repository.Root, "docs", "examples"), Address(server.Client.BaseAddress!), _photo);

        Assert.True(exitCode == 0, error);
        string[] lines = output.TrimEnd().Split('\n');
        Assert.Equal(4, lines.Length); // two samples, each asked for once
        Assert.Equal($"{_photo}: 48 × 32 by tiny", lines[0]);
        Assert.Equal("{0: 'red', 1: 'green', 2: 'blue'} 2 True", lines[2]);
        Assert.Equal("(32, 48) " + Convert.ToHexStringLower(Photo.Labels), lines[3]);
    }

    private async Task IsTheMaskAsync(string program, string example)
    {
        (int exitCode, string output, string error) = await RunAsync(program, example, server.Client.BaseAddress!, Photo.Png);

        Assert.True(exitCode == 0, error);
        byte[] mask = await File.ReadAllBytesAsync(Mask);
        Assert.Equal(Photo.Labels, PngImage.Read(mask).Samples);
        Assert.Equal($"{Mask}: {mask.Length} bytes by tiny", output.TrimEnd());
    }

    private async Task SendsTheKeyAsync(string program, string example)
    {
        using HttpListener proxy = Loopback.Listen(out Uri address);
        Task<(int, string, string)> run = RunAsync(program, example, address, Photo.Png);

        Assert.Equal(Key, (await AnswerAsync(proxy, 200)).Headers["X-API-Key"]);
        await run;
    }

    private static async Task<HttpListenerRequest> AnswerAsync(HttpListener proxy, int status)
    {
        HttpListenerContext http = await proxy.GetContextAsync();
        await http.Request.InputStream.CopyToAsync(Stream.Null);
        http.Response.StatusCode = status;
        http.Response.Close([1, 2, 3], willBlock: false);
        return http.Request;
    }

    private async Task SaysWhyAsync(string program, string example)
    {
        (int exitCode, _, string error) = await RunAsync(program, example, server.Client.BaseAddress!, "no image"u8.ToArray());

        Assert.NotEqual(0, exitCode);
        Assert.Contains("image", error, StringComparison.Ordinal);
        Assert.False(File.Exists(Mask));
    }

    // A proxy's own refusals may say nothing of when to come again.
    private async Task ComesAgainAsync(string program, string example)
    {
        using HttpListener proxy = Loopback.Listen(out Uri address);
        Task<(int ExitCode, string Output, string Error)> run = RunAsync(program, example, address, Photo.Png);
        foreach (int status in (int[])[429, 502, 200])
        {
            await AnswerAsync(proxy, status);
        }

        (int exitCode, string output, string error) = await run;
        Assert.True(exitCode == 0, error);
        Assert.Contains("502, again in 1 s", output, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(Mask));
    }

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(string program, string example, Uri address, byte[] photo)
    {
        await File.WriteAllBytesAsync(_photo, photo);
        return await RunAsync(program, example, Address(address), _photo);
    }

    private Task<(int ExitCode, string Output, string Error)> RunFolderAsync(Uri address, string model) =>
        RunAsync("python3", "segment_folder.py", Address(address), Images, Masks, model);

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string program, string example, params string[] arguments)
    {
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["INFERENCE_SERVER_KEY"] = Key;
        foreach (string argument in (string[])[Path.Combine(Repository.Root, "docs", "examples", example), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await error);
    }

    private static string Address(Uri address) => address.ToString().TrimEnd('/');
}

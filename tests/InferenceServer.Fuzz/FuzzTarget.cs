using System.Security.Cryptography;
using System.Text;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Admission;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using NetVips;

namespace InferenceServer.Fuzz;

/// <summary>The whole server in this process, without sockets, with the tiny models and a folder of its own for the
/// models that are being changed.</summary>
internal sealed class FuzzTarget : WebApplicationFactory<Program>
{
    /// <summary>The key of the scope admin.</summary>
    public const string Key = "the fuzzer's key";

    private const int MaxWait = 500; // times 10 ms, for what other threads still give back

    private readonly Dictionary<string, string> _settings;

    private FuzzTarget()
    {
        Models = Directory.CreateTempSubdirectory("fuzz-").FullName;
        Jobs = Directory.CreateTempSubdirectory("fuzz-").FullName;
        Data = Directory.CreateTempSubdirectory("fuzz-data-").FullName;
        Directory.CreateDirectory(Path.Combine(Data, "in", "deep"));
        File.WriteAllBytes(Path.Combine(Data, "in", "deep", "a.png"), Seeds.Png);
        File.WriteAllText(Path.Combine(Data, "in", "b.txt"), "no image");
        foreach (
            string file in Directory.EnumerateFiles(Fixtures, "*", SearchOption.AllDirectories)
                .Where(f =>
                    Path.GetRelativePath(Fixtures, f).Split('/')[0] is "tiny" or "tiny-labels" or "tiny-fixed" or "tiny-binary"))
        {
            string target = Path.Combine(Models, Path.GetRelativePath(Fixtures, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        _settings = new()
        {
            ["Models:Path"] = Models,
            ["Models:Default"] = "tiny",
            ["Models:Watch"] = "Off",
            ["Onnx:Provider"] = "Cpu",
            ["Scheduling:Instances"] = "1",
            // Without sockets the address is not opened, and calls are still handled.
            ["OpenInference:GrpcUrl"] = "http://*:8001",
            ["Decoding:MaxPixels"] = "65536", // small images, many cases
            ["Decoding:MaxBytes"] = "1048576",
            ["Bulk:MaxBytes"] = "1048576",
            ["Bulk:MaxImages"] = "8",
            ["Bulk:MaxRequests"] = "64",
            ["Jobs:Path"] = Jobs,
            ["Jobs:Sources:0"] = Path.Combine(Data, "in"),
            ["Jobs:Targets:0"] = Path.Combine(Data, "out"),
            ["Jobs:WebhookHosts:0"] = "127.0.0.1:1", // an address without a listener
            ["Fetch:PrivateHosts:0"] = "127.0.0.1:1", // an address without a listener
            ["LabelStudio:Url"] = "http://127.0.0.1:1",
            ["Serilog:MinimumLevel"] = "Fatal",
            // Which has a line for each body whose limit the server without sockets cannot set.
            ["Serilog:MinimumLevel:Override:Microsoft"] = "Fatal",
            ["Security:Anonymous"] = "infer",
            ["Security:Keys:fuzz:Hash"] = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key))),
            ["Security:Keys:fuzz:Scopes"] = "admin",
        };
    }

    public static string Fixtures { get; } = Path.Combine(AppContext.BaseDirectory, "models");

    /// <summary>The folder that the server serves from.</summary>
    public string Models { get; }

    /// <summary>The folder with images of jobs, and with their masks.</summary>
    public string Data { get; }

    /// <summary>The folder of its jobs.</summary>
    public string Jobs { get; }

    public HttpClient Client { get; private set; } = null!;

    public static async Task<FuzzTarget> StartAsync()
    {
        // Else the factory looks for the sources, which are not where the program may have been copied to.
        Environment.SetEnvironmentVariable("ASPNETCORE_TEST_CONTENTROOT_INFERENCESERVER", AppContext.BaseDirectory);
        FuzzTarget target = new();
        target.Client = target.CreateClient();
        ModelRepository repository = target.Services.GetRequiredService<ModelRepository>();
        while (repository.NotReady().Count > 0)
        {
            await Task.Delay(10);
        }

        return target;
    }

    /// <summary>What is still held although no request is under way; null where nothing is.</summary>
    public async Task<string?> LeakAsync()
    {
        string held = Held();
        for (int i = 0; held.Length > 0 && i < MaxWait; i++)
        {
            await Task.Delay(10);
            held = Held();
        }

        return held.Length > 0 ? held : null;
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        foreach ((string key, string value) in _settings)
        {
            builder.UseSetting(key, value);
        }
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (Directory.Exists(Models)) // called twice
        {
            Directory.Delete(Models, recursive: true);
            Directory.Delete(Jobs, recursive: true);
            Directory.Delete(Data, recursive: true);
        }
    }

    private string Held()
    {
        InFlightLimits admission = Services.GetRequiredService<InFlightLimits>();
        (string Name, long Count)[] counts =
        [
            ("requests admitted", admission.Requests), ("bytes admitted", admission.Bytes), ("pixels admitted", admission.Pixels),
            ("requests that arrive", admission.Readers), ("bytes of answers", admission.AnswerBytes),
            ("clients", admission.Clients),
            ("bytes rented", PooledArrays.RentedBytes), ("bytes of libvips", Stats.Mem),
            ("allocations of libvips", Stats.Allocations), ("files of libvips", Stats.Files),
        ];
        return string.Join(", ", counts.Where(c => c.Count != 0).Select(c => $"{c.Count} {c.Name}"));
    }
}

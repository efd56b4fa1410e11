using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace InferenceServer.Tests;

/// <summary>The whole server on Kestrel and a free port, with the tiny models of tests/assets/models; one for all
/// tests that change no option.</summary>
public class SegmentationServer : WebApplicationFactory<Program>, IAsyncLifetime
{
    private readonly Dictionary<string, string> _settings = new()
    {
        ["urls"] = "http://127.0.0.1:0",
        ["Models:Path"] = Path.Combine(AppContext.BaseDirectory, "models"),
        ["Models:Default"] = "tiny",
        ["Models:Watch"] = "Off",
        ["Onnx:Provider"] = "Cpu",
        ["Scheduling:ClientShare"] = "1", // all clients of a test have one address, and tests of limits set small ones
        ["Serilog:MinimumLevel"] = "Fatal", // not :Default, for the factory hands every section above a key on as an empty string
    };

    private readonly Action<IServiceCollection>? _services;

    /// <summary>The server as the tests need it.</summary>
    public SegmentationServer()
    {
        // A test server in memory knows neither chunks nor limits nor clients that go away.
        // The port is a setting below: UseKestrel(0) would change it when the program, on a thread of its own, may
        // have started the server already.
        UseKestrel();
    }

    internal SegmentationServer(IEnumerable<(string Key, string Value)> settings, Action<IServiceCollection>? services = null)
        : this()
    {
        _services = services;
        foreach ((string key, string value) in settings)
        {
            _settings[key] = value;
        }
    }

    /// <summary>A client of this server.</summary>
    internal HttpClient Client => field ??= CreateClient();

    internal InFlightLimits InFlight => Services.GetRequiredService<InFlightLimits>();

    /// <summary>Starts a server with other options, and waits until its models are loaded.</summary>
    internal static async Task<SegmentationServer> StartAsync(params (string Key, string Value)[] settings)
    {
        SegmentationServer server = new(settings);
        await server.InitializeAsync();
        return server;
    }

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        StartServer();
        await Services.GetServices<IHostedService>().OfType<ModelLoading>().Single().ExecuteTask!;
    }

    /// <inheritdoc/>
    async Task IAsyncLifetime.DisposeAsync() => await DisposeAsync();

    /// <inheritdoc/>
    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseSetting(WebHostDefaults.ServerUrlsKey, "http://127.0.0.1:0");
        foreach ((string key, string value) in _settings)
        {
            builder.UseSetting(key, value);
        }

        if (_services is not null)
        {
            builder.ConfigureServices(_services);
        }
    }
}

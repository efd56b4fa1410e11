using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Tests.Models;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests;

/// <summary>Segmentation in a host that is not the server.</summary>
public sealed class AddSegmentationTests
{
    [Fact]
    public async Task Start_GenericHost_LoadsTheModelsAndFollowsTheirFolder()
    {
        using ModelsFolder folder = new();
        folder.Add("tiny", 1);
        using IHost host = Build(services => services.AddSegmentation(options =>
        {
            options.Models.Path = folder.Path;
            options.Models.PollInterval = options.Models.SettleTime = TimeSpan.FromMilliseconds(10);
        }));
        ModelRepository repository = host.Services.GetRequiredService<ModelRepository>();

        await host.StartAsync();
        await UntilAsync(() => repository.IsReady);
        folder.Add("tiny", 1, "second");
        await UntilAsync(() => repository.Find("second")?.State == ModelState.Ready);
        await host.StopAsync();

        Assert.Equal(["second", "tiny"], repository.Entries.Select(entry => entry.Name));
    }

    [Fact]
    public async Task Start_NoFolderOfModels_RefusesCallsAndStopsTheHost()
    {
        using IHost host = Build(services => services.AddSegmentation(options => options.Models.Path = "no-such-folder"));
        int exitCode = Environment.ExitCode;

        await host.StartAsync();
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(
            () => host.Services.GetRequiredService<ISegmenter>().SegmentAsync("tiny", Assets.Image("rgb.png"), MaskFormat.Raw));
        await host.WaitForShutdownAsync();

        Assert.Equal(SegmentationError.ModelNotReady, e.Error);
        Assert.Equal(1, Environment.ExitCode);
        Environment.ExitCode = exitCode;
    }

    [Theory]
    [InlineData("Segmentation:Model:Path", "models")]
    [InlineData("Segmentation:Models:Folder", "models")]
    [InlineData("Segmentation:Decoding:MaxPixels", "0")]
    [InlineData("Segmentation:Models:Versions", "some")]
    public async Task Start_BadKeyOfASection_NamesTheKey(string key, string value)
    {
        using IHost host = Build(services => services.AddSegmentation(Configuration((key, value)).GetSection("Segmentation")));

        OptionsValidationException e = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Contains(key[..key.LastIndexOf(':')], e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_BadOptionInCode_NamesTheKey()
    {
        using IHost host = Build(services => services.AddSegmentation(options => options.Decoding.MaxPixels = 0));

        OptionsValidationException e = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Contains("Decoding:MaxPixels", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_OfASectionAndOfCode_AreThoseOfTheServices()
    {
        using IHost host = Build(services => services
            .AddSegmentation(
                Configuration(
                    ("Segmentation:Scheduling:MaxRequests", "7"), ("Segmentation:OwnsProcess", "false"),
                    ("Other:Key", "1")).GetSection("Segmentation"))
            .Configure<SegmentationOptions>(options => options.Scheduling.CpuSlots = 3));

        SchedulingOptions options = host.Services.GetRequiredService<IOptions<SchedulingOptions>>().Value;

        Assert.Equal((7, 3), (options.MaxRequests, options.CpuSlots));
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build();

    private static IHost Build(Action<IServiceCollection> configure)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        configure(builder.Services);
        return builder.Build();
    }

    private static async Task UntilAsync(Func<bool> isTrue)
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromMinutes(1));
        while (!isTrue())
        {
            await Task.Delay(10, timeout.Token);
        }
    }
}

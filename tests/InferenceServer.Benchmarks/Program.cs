using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using InferenceServer.Benchmarks.Bandwidth;
using InferenceServer.Benchmarks.Batching;
using InferenceServer.Benchmarks.Crf;
using InferenceServer.Benchmarks.Seams;

// dotnet run -c Release -- --filter '*UpsampledArgMax*'
// dotnet run -c Release -- --kernels [--docs]     from the root of the repository: the table of docs/benchmarks.md
// dotnet run -c Release -- --crf-profile [repeats [scene]]
// dotnet run -c Release -- --crf-loss
// dotnet run -c Release -- --batching MODEL [rounds]
// dotnet run -c Release -- --seams FOLDER MODEL CROP IMAGE...
if (args is ["--seams", string models, string network, string crop, .. string[] images])
{
    await SeamTable.RunAsync(models, network, int.Parse(crop, CultureInfo.InvariantCulture), images).ConfigureAwait(false);
    return;
}

if (args is ["--batching", string model, .. string[] rounds])
{
    BatchingTable.Run(model, rounds is [string count] ? int.Parse(count, CultureInfo.InvariantCulture) : 3);
    return;
}

if (args is ["--kernels", .. string[] more])
{
    KernelTable.Run(docs: more is ["--docs"]);
    return;
}

if (args is ["--crf-loss"])
{
    CrfLoss.Run();
    return;
}

if (args is ["--crf-profile", .. string[] rest])
{
    CrfProfile.Run(rest);
    return;
}

// On a busy machine the build of the benchmark's own program takes longer than the two minutes that it has by default.
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, DefaultConfig.Instance
    .AddColumn(new BandwidthColumn(share: false), new BandwidthColumn(share: true))
    .WithBuildTimeout(TimeSpan.FromMinutes(10)));

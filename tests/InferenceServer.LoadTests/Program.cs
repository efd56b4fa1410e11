using System.CommandLine;
using InferenceServer.LoadTests.Capacity;
using InferenceServer.LoadTests.Compare;
using InferenceServer.LoadTests.Soak;
using InferenceServer.LoadTests.Traffic;

if (!OperatingSystem.IsLinux())
{
    Console.Error.WriteLine("Expected Linux: load-test reads the processor time and memory of other processes from /proc.");
    return 1;
}

RootCommand root = new("Load for servers of segmentation, and what they make of it. Runs from the root of the repository.")
{
    CompareCommand.Create(),
    LoadCommand.Create(),
    SoakCommand.Create(),
    CapacityCommand.Create(),
};
return await root.Parse(args).InvokeAsync().ConfigureAwait(false);

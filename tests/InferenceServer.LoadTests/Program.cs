using System.CommandLine;
using InferenceServer.LoadTests.Capacity;
using InferenceServer.LoadTests.Compare;
using InferenceServer.LoadTests.Soak;
using InferenceServer.LoadTests.Traffic;

RootCommand root = new("Load for servers of segmentation, and what they make of it. Runs from the root of the repository.")
{
    CompareCommand.Create(),
    LoadCommand.Create(),
    SoakCommand.Create(),
    CapacityCommand.Create(),
};
return await root.Parse(args).InvokeAsync().ConfigureAwait(false);

namespace InferenceServer.Tests;

/// <summary>The tests that share one server.</summary>
[CollectionDefinition(Name)]
public sealed class SharedServer : ICollectionFixture<SegmentationServer>
{
    public const string Name = "Shared server";
}

using System.Runtime.CompilerServices;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>A test that needs Node.js and the packages of tests/grpc-client, and says so where they are not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NodeFactAttribute : FactAttribute
{
    /// <summary>Looks for the packages.</summary>
    public NodeFactAttribute([CallerMemberName] string test = "")
    {
        if (!Directory.Exists(Path.Combine(Folder, "node_modules", "@grpc", "grpc-js")))
        {
            Skip = "the gRPC client is not installed; npm ci in tests/grpc-client";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    internal static string Folder { get; } = Path.Combine(Repository.Root, "tests", "grpc-client");
}

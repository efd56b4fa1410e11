using System.Runtime.CompilerServices;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests;

/// <summary>Starts ONNX Runtime before any test: its environment is created once, and a test that opened a session of its own
/// could create it without the shared threads while a test beside it creates it with them.</summary>
internal static class OnnxRuntimeStart
{
#pragma warning disable CA2255 // a test assembly is the program here
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void CreateThreads() => SharedThreads.TryCreate(Environment.ProcessorCount, spinning: false);
}

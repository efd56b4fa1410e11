using InferenceServer.Runtime.Buffers;
using Microsoft.ML.OnnxRuntime;
using OnnxGraph;

namespace InferenceServer.Runtime.Sessions;

/// <summary>A graph as ONNX Runtime optimised it for this processor, in a temporary folder until it is disposed.</summary>
/// <remarks>The optimisation makes new weights: folded, fused, and in the layout that the processor's kernels read. Sessions
/// that optimise a file each therefore share none. Sessions that open the result as it is can share all.</remarks>
internal sealed class OptimizedGraph : IDisposable
{
    private const string GraphName = "model.onnx";
    private const string WeightsName = "weights.bin";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("optimized-"); // for this user's eyes only

    private string File => Path.Combine(_folder.FullName, GraphName);

    /// <summary>Lets a session write the graph that it optimises, and do no more.</summary>
    public void WriteFrom(SessionOptions options)
    {
        options.OptimizedModelFilePath = File;
        options.AddSessionConfigEntry("session.optimized_model_external_initializers_file_name", WeightsName);
        options.AddSessionConfigEntry("session.disable_prepacking", "1");
    }

    /// <summary>Reads the weights; the caller disposes them after the sessions that use them.</summary>
    public SharedWeights ReadWeights()
    {
        using OnnxModel model = OnnxModel.Open(File);
        using Owned<SharedWeights> weights = new(new SharedWeights());
        string file = Path.Combine(_folder.FullName, WeightsName);
        if (System.IO.File.Exists(file)) // a graph of short weights holds them itself
        {
            weights.Value.Read(file, model.Graph.Initializers.Where(CanBeShared));
        }

        return weights.Release();
    }

    /// <summary>Opens the graph as it is; the caller disposes the session.</summary>
    public InferenceSession Open(SharedWeights weights, SessionOptions options)
    {
        options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL;
        weights.AddTo(options);
        return new InferenceSession(File, options, weights.Packed);
    }

    public void Dispose()
    {
        try
        {
            _folder.Delete(recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Windows keeps a file that is mapped, from which sessions read the weights that they cannot share.
        }
    }

    private static bool CanBeShared(Tensor tensor) => tensor.External is { Length: <= int.MaxValue } && tensor.Type.Bits() >= 8;
}

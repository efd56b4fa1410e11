using InferenceServer.Runtime.Buffers;
using Microsoft.ML.OnnxRuntime;
using OnnxGraph;

namespace InferenceServer.Runtime.Sessions;

/// <summary>A graph as ONNX Runtime optimised it for this processor, in a temporary folder until it is disposed.</summary>
/// <remarks>The optimisation makes new weights: folded, fused, and in the layout that the processor's kernels read. Sessions
/// that optimise a file each therefore share none. Sessions that open the result as it is can share all.</remarks>
internal sealed class OptimizedGraph : IDisposable
{
    private const string Prefix = "optimized-";
    private const string GraphName = "model.onnx";
    private const string WeightsName = "weights.bin";
    private static readonly Lock Creation = new();
    private readonly DirectoryInfo _folder;
    private readonly FileStream _use;

    /// <summary>Creates the folder, which no other user can read.</summary>
    /// <exception cref="IOException">The folder for temporary files cannot be written.</exception>
    public OptimizedGraph()
    {
        lock (Creation)
        {
            DeleteAbandoned();
            _folder = Directory.CreateTempSubdirectory(Prefix);
            try
            {
                _use = Use(_folder, FileMode.CreateNew);
            }
            catch
            {
                Delete(_folder); // no further file handle, or a full volume
                throw;
            }
        }
    }

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
        _use.Dispose();
        Delete(_folder);
    }

    private static bool CanBeShared(Tensor tensor) => tensor.External is { Length: <= int.MaxValue } && tensor.Type.Bits() >= 8;

    // A process that was killed during a load has left its folder.
    private static void DeleteAbandoned()
    {
        foreach (DirectoryInfo folder in new DirectoryInfo(Path.GetTempPath()).EnumerateDirectories(Prefix + "*"))
        {
            if (folder.LinkTarget is null && !IsUsed(folder))
            {
                Delete(folder);
            }
        }
    }

    private static bool IsUsed(DirectoryInfo folder)
    {
        try
        {
            Use(folder, FileMode.Open).Dispose();
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true; // or another user's, or none of this class
        }
    }

    // Locked as long as it is open; a process that ends unlocks it.
    private static FileStream Use(DirectoryInfo folder, FileMode mode) =>
        new(Path.Combine(folder.FullName, "in-use"), mode, FileAccess.ReadWrite, FileShare.None);

    private static void Delete(DirectoryInfo folder)
    {
        try
        {
            folder.Delete(recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Windows keeps a file that is mapped, from which sessions read the weights that they cannot share.
        }
    }
}

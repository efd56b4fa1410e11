using InferenceServer.Runtime.Buffers;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxGraph;
using Tensor = OnnxGraph.Tensor;

namespace InferenceServer.Runtime.Sessions;

/// <summary>One copy of a graph's weights, and one of what kernels pack of them, for all sessions of the graph.</summary>
/// <remarks>The memory is the process's own and not a mapped file: a file that is cut short under its mapping ends the
/// process.</remarks>
internal sealed class SharedWeights : IDisposable
{
    private readonly DisposableList<Weight> _weights = [];

    /// <summary>What kernels pack of the weights; every session of the graph is created with it.</summary>
    public PrePackedWeightsContainer Packed { get; } = new();

    /// <summary>Reads weights from a file.</summary>
    public void Read(string file, IEnumerable<Tensor> tensors)
    {
        using FileStream stream = File.OpenRead(file);
        foreach (Tensor tensor in tensors)
        {
            ExternalData data = tensor.External!;
            Weight weight = new(tensor, checked((int)data.Length!.Value));
            _weights.Add(weight);
            stream.Position = data.Offset;
            stream.ReadExactly(weight.Value.GetTensorMutableRawData());
        }
    }

    /// <summary>Gives the weights to a session that is not yet created.</summary>
    public void AddTo(SessionOptions options) => _weights.ForEach(weight => options.AddInitializer(weight.Name, weight.Value));

    public void Dispose()
    {
        Packed.Dispose();
        _weights.Dispose();
    }

    private sealed class Weight : IDisposable
    {
        // ONNX Runtime takes weights only in memory that it does not own.
        private readonly OrtMemoryAllocation _memory;

        public Weight(Tensor tensor, int bytes)
        {
            Name = tensor.Name;
            _memory = OrtAllocator.DefaultInstance.Allocate((uint)bytes);
            // ONNX Runtime numbers the types as ONNX does.
            Value = OrtValue.CreateTensorValueWithData(
                OrtMemoryInfo.DefaultInstance, (TensorElementType)tensor.Type, tensor.Dims, _memory.DangerousGetHandle(), bytes);
        }

        public string Name { get; }

        public OrtValue Value { get; }

        public void Dispose()
        {
            Value.Dispose();
            _memory.Dispose();
        }
    }
}

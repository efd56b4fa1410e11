using InferenceServer.Runtime.Preprocessing;
using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Sessions;

/// <summary>Runs a session on inputs and outputs in page-locked memory, from and to which a GPU copies by itself, at
/// about twice the speed and without the processor.</summary>
/// <param name="session">Stays the caller's.</param>
/// <param name="input">Name of the graph's input.</param>
/// <param name="output">Name of its result.</param>
/// <param name="pinned">The session's allocator of such memory, an arena; disposed with this.</param>
internal sealed class PinnedBinding(InferenceSession session, string input, string output, OrtAllocator pinned) : IDisposable
{
    private readonly OrtMemoryInfo _memory = pinned.Info;

    /// <summary>Runs the network once.</summary>
    /// <param name="options">Of this run.</param>
    /// <param name="values">The input; copied.</param>
    /// <returns>The outputs, of which there is one.</returns>
    public IDisposableReadOnlyCollection<OrtValue> Run(RunOptions options, InputTensor values)
    {
        using OrtValue staged = values.CopyTo(pinned);
        using OrtIoBinding binding = session.CreateIoBinding();
        binding.BindInput(input, staged); // starts the copy, so it comes after the values
        binding.BindOutputToDevice(output, _memory);
        binding.SynchronizeBoundInputs();
        session.RunWithBinding(options, binding);
        binding.SynchronizeBoundOutputs();
        return binding.GetOutputValues();
    }

    public void Dispose()
    {
        _memory.Dispose();
        pinned.Dispose();
    }
}

using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Sessions;

/// <summary>ONNX Runtime's CUDA provider, however this machine has it: built into the library, or as a plug-in beside it.</summary>
internal static class CudaProvider
{
    private const string Library = "libonnxruntime_providers_cuda.so";
    private const string Name = "CUDAExecutionProvider";
    private static readonly Lazy<OrtEpDevice[]> PluggedIn = new(Register);

    /// <summary>Whether a library is there that could provide CUDA; whether it works on this machine is another matter.</summary>
    public static bool IsPresent => IsBuiltIn || File.Exists(LibraryPath);

    /// <summary>The arena of a GPU's sessions, by the name that shrinking it takes; null where none is known, for naming one that is not there fails the run.</summary>
    public static string? Arena(int device) => IsBuiltIn ? string.Create(CultureInfo.InvariantCulture, $"gpu:{device}") : null;

    /// <summary>A session's page-locked memory, which the caller disposes before the session.</summary>
    /// <exception cref="OnnxRuntimeException">The session has none.</exception>
    public static OrtAllocator Pinned(InferenceSession session, int device)
    {
        using OrtMemoryInfo memory = new("CudaPinned", OrtAllocatorType.DeviceAllocator, device, OrtMemType.CpuOutput);
        return new OrtAllocator(session, memory);
    }

    // The library of the npm package is built for the CPU and takes CUDA as a plug-in; that of the NuGet package has it built in.
    private static bool IsBuiltIn => OrtEnv.Instance().GetAvailableProviders().Contains(Name);

    private static string LibraryPath => Path.Combine(AppContext.BaseDirectory, Library);

    /// <summary>Lets sessions with these options run on a GPU.</summary>
    /// <param name="options">Options of a session to come.</param>
    /// <param name="device">The GPU, as CUDA numbers them.</param>
    /// <param name="settings">Of <see cref="CudaSettings"/>.</param>
    /// <exception cref="OnnxRuntimeException">A library of CUDA or cuDNN is missing, or there is no such GPU.</exception>
    public static void AppendTo(SessionOptions options, int device, Dictionary<string, string> settings)
    {
        if (IsBuiltIn)
        {
            settings["device_id"] = device.ToString(CultureInfo.InvariantCulture);
            using OrtCUDAProviderOptions cuda = new();
            cuda.UpdateOptions(settings);
            options.AppendExecutionProvider_CUDA(cuda);
            return;
        }

        OrtEpDevice[] devices = PluggedIn.Value;
        if (device >= devices.Length)
        {
            throw new InvalidOperationException($"there is no GPU {device}; CUDA shows {devices.Length}");
        }

        options.AppendExecutionProvider(OrtEnv.Instance(), [devices[device]], settings);
    }

    private static OrtEpDevice[] Register()
    {
        if (!File.Exists(LibraryPath))
        {
            throw new InvalidOperationException($"{Library} is not beside the program");
        }

        OrtEnv environment = OrtEnv.Instance();
        environment.RegisterExecutionProviderLibrary(Name, LibraryPath);
        return [.. environment.GetEpDevices().Where(d => d.EpName == Name)];
    }
}

using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Sessions;

/// <summary>ONNX Runtime's pool of threads for all sessions of the process; the threads that call a run work beside it.</summary>
internal static class SharedThreads
{
    private static readonly Lock Once = new();
    private static bool _exist;

    /// <summary>Makes the pool at the first call; later ones find it as it is.</summary>
    /// <param name="threads">Threads of one run, the caller's included.</param>
    /// <param name="spinning">Whether idle ones spin.</param>
    /// <returns>Whether there is one. There cannot be where ONNX Runtime was used before: it makes its environment once.</returns>
    public static bool TryCreate(int threads, bool spinning)
    {
        lock (Once)
        {
            if (_exist || OrtEnv.IsCreated)
            {
                return _exist;
            }

            using OrtThreadingOptions pool = new() { GlobalIntraOpNumThreads = threads, GlobalInterOpNumThreads = 1, GlobalSpinControl = spinning };
            pool.SetGlobalDenormalAsZero();
            EnvironmentCreationOptions options = new() { logId = "InferenceServer", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, threadOptions = pool };
            OrtEnv.CreateInstanceWithOptions(ref options);
            return _exist = true;
        }
    }
}

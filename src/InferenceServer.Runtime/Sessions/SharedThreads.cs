using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Sessions;

/// <summary>ONNX Runtime's pool of threads for all sessions of the process; the threads that call a run work beside
/// it.</summary>
internal static class SharedThreads
{
    private static readonly Lock Once = new();

    /// <summary>Whether there is one.</summary>
    public static bool Exist { get; private set; }

    /// <summary>Makes the pool at the first call; later ones find it as it is. There cannot be one where ONNX Runtime
    /// was used before: it makes its environment once.</summary>
    /// <param name="threads">Threads of one run, the caller's included.</param>
    /// <param name="spinning">Whether idle ones spin.</param>
    public static void TryCreate(int threads, bool spinning)
    {
        lock (Once)
        {
            if (OrtEnv.IsCreated)
            {
                return;
            }

            using OrtThreadingOptions pool = new()
            {
                GlobalIntraOpNumThreads = threads,
                GlobalInterOpNumThreads = 1,
                GlobalSpinControl = spinning,
            };
            pool.SetGlobalDenormalAsZero();
            EnvironmentCreationOptions options = new()
            {
                logId = "InferenceServer",
                logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
                threadOptions = pool,
            };
            OrtEnv.CreateInstanceWithOptions(ref options);
            Exist = true;
        }
    }
}

/// <summary>Frees what several hold once the last of them has let go; each disposes it once.</summary>
internal sealed class SharedOwner(IDisposable owned, int holders) : IDisposable
{
    private int _holders = holders;

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            owned.Dispose();
        }
    }
}

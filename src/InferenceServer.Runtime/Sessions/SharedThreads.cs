using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Sessions;

/// <summary>ONNX Runtime's pool of threads for all sessions of the process; the threads that call a run also
/// work.</summary>
internal static class SharedThreads
{
    private static readonly Lock Once = new();

    /// <summary>Whether the pool exists.</summary>
    public static bool Exist { get; private set; }

    /// <summary>Creates the pool at the first call; later calls keep it. The pool cannot be created after any other
    /// use of ONNX Runtime, which creates its environment once.</summary>
    /// <param name="threads">Threads of one run, the caller's included.</param>
    /// <param name="spinning">Whether idle threads spin.</param>
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

/// <summary>ONNX Runtime's arena of the processor's memory for all sessions of the process.</summary>
/// <remarks>An arena of its own keeps the memory of a session's largest run. In a shared arena, the next run of any session
/// takes that memory.</remarks>
internal static class SharedArena
{
    private static readonly Lock Once = new();
    private static bool _wasTried;

    /// <summary>Whether the arena exists.</summary>
    public static bool Exists { get; private set; }

    /// <summary>Creates the arena at the first call.</summary>
    public static void TryCreate()
    {
        lock (Once)
        {
            if (_wasTried)
            {
                return;
            }

            _wasTried = true;
            using OrtMemoryInfo memory = new(OrtMemoryInfo.allocatorCPU, OrtAllocatorType.ArenaAllocator, 0, OrtMemType.Default);
            using OrtArenaCfg usual = new(0, -1, -1, -1); // no limit, and ONNX Runtime's own way to grow
            try
            {
                OrtEnv.Instance().CreateAndRegisterAllocator(memory, usual);
                Exists = true;
            }
            catch (OnnxRuntimeException)
            {
                // The host of the runtime has registered an allocator of its own: each session keeps its arena.
            }
        }
    }
}

/// <summary>Frees a shared object when its last user has disposed its own reference; each user disposes
/// once.</summary>
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

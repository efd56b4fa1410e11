using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Preprocessing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Sessions;

/// <summary>Opens graphs: chooses the provider, sets the threads, finds the input and the output.</summary>
internal sealed class SessionFactory(IOptions<OnnxOptions> options, IOptions<SchedulingOptions> scheduling, ILogger<SessionFactory> logger)
{
    private readonly OnnxOptions _options = options.Value;
    private int _fallbacks;
    private int _opened = -1;

    /// <summary>ONNX Runtime's version.</summary>
    public static string RuntimeVersion => OrtEnv.Instance().GetVersionString();

    /// <summary>Sessions that run on the CPU because the GPU could not be used.</summary>
    public int Fallbacks => Volatile.Read(ref _fallbacks);

    /// <summary>Threads of one run; where each processor has an instance, the threads of a run that is
    /// alone.</summary>
    // .NET counts the processors that the container's quota allows; ONNX Runtime's own count does not.
    public int IntraOpThreads
    {
        get
        {
            if (_options.IntraOpThreads > 0)
            {
                return _options.IntraOpThreads;
            }

            if (IsElastic)
            {
                return Environment.ProcessorCount;
            }

            return Math.Max(Environment.ProcessorCount / Instances, 1);
        }
    }

    private int PoolThreads
    {
        get
        {
            if (IsElastic)
            {
                return IntraOpThreads;
            }

            return ((IntraOpThreads - 1) * Instances) + 1;
        }
    }

    private int Instances => scheduling.Value.InstancesOn(gpu: false);

    // With an instance for each processor, one thread is left for each run: too few for a run that is alone.
    private bool IsElastic => _options.IntraOpThreads == 0 && Instances > 1 && Instances >= Environment.ProcessorCount;

    /// <summary>Opens the graph in <paramref name="file"/>.</summary>
    /// <param name="file">An ONNX file.</param>
    /// <param name="graph">Names the input and the output where the graph has several.</param>
    /// <param name="gpu">The model's settings for a GPU.</param>
    /// <param name="channels">Channels of the input where the graph leaves them open.</param>
    /// <exception cref="ManifestException">The graph is unreadable, or has no input or output of the given
    /// name.</exception>
    /// <exception cref="GpuRequiredException">A GPU is required and cannot be used.</exception>
    public IModelSession Open(string file, GraphManifest graph, GpuManifest? gpu = null, int channels = 3)
    {
        int device = NextDevice();
        (InferenceSession session, ExecutionProvider provider) = Create(file, device, gpu);
        OnnxModelSession wide = Bind(session, provider, device, file, graph, channels);
        try
        {
            if (IsElastic && provider == ExecutionProvider.Cpu)
            {
                return new ElasticSession(wide, Bind(OpenOnCpu(file, threads: 1), provider, device, file, graph, channels));
            }

            return wide;
        }
        catch
        {
            wide.Dispose();
            throw;
        }
    }

    /// <summary>Reads what a file declares, except its operator set.</summary>
    /// <exception cref="ManifestException">The graph is unreadable.</exception>
    internal GraphDescription Describe(string file)
    {
        using InferenceSession session = Create(file, Devices[0], gpu: null).Session;
        ModelMetadata metadata = session.ModelMetadata;
        return new GraphDescription(OnnxModelSession.Describe(session), metadata.ProducerName, Opset: null, metadata.CustomMetadataMap);
    }

    private OnnxModelSession Bind(
        InferenceSession session, ExecutionProvider provider, int device, string file, GraphManifest graph, int channels)
    {
        try
        {
            GraphSignature signature = OnnxModelSession.Describe(session);
            (string input, TensorLayout layout) = GraphBinder.Input(signature, graph, channels, file);
            string output = GraphBinder.Output(signature, graph, file);
            string arena = provider == ExecutionProvider.Cpu ? "cpu:0" : CudaProvider.Arena(device);
            OrtAllocator? pinned = provider == ExecutionProvider.Cuda ? Pinned(session, device) : null;
            return new OnnxModelSession(
                session, signature, provider, input, output, layout, _options.ArenaShrinkage ? arena : null, pinned);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private OrtAllocator? Pinned(InferenceSession session, int device)
    {
        try
        {
            return CudaProvider.Pinned(session, device);
        }
        catch (OnnxRuntimeException e)
        {
            Log.NoPinnedMemory(logger, e.Message); // copies are slower; results are the same
            return null;
        }
    }

    private (InferenceSession Session, ExecutionProvider Provider) Create(string file, int device, GpuManifest? gpu)
    {
        if (_options.SharedThreadPool)
        {
            // This call comes before any other use of ONNX Runtime, which would create an environment without the
            // pool.
            SharedThreads.TryCreate(PoolThreads, _options.Spinning);
        }

        if (OperatingSystem.IsWindows())
        {
            // On other systems an environment variable does the same: eng/OnnxRuntimeTelemetry.cs.
            OrtEnv.Instance().DisableTelemetryEvents();
        }

        // ONNX Runtime prints errors when CUDA is missing; with the provider "auto", a missing CUDA is not an error.
        if (_options.RequireGpu
            || _options.Provider == ExecutionProvider.Cuda
            || (_options.Provider == ExecutionProvider.Auto && CudaProvider.IsPresent))
        {
            try
            {
                using SessionOptions cuda = Options(intraOpThreads: 1);
                CudaProvider.AppendTo(cuda, device, CudaSettings.Create(_options, gpu));
                return (OpenAside(file, cuda), ExecutionProvider.Cuda);
            }
            catch (Exception e) when (e is OnnxRuntimeException or InvalidOperationException or DllNotFoundException)
            {
                // A graph that no provider can read throws here with an error about the graph.
                InferenceSession cpu = OpenOnCpu(file, IntraOpThreads);
                if (_options.RequireGpu)
                {
                    cpu.Dispose();
                    throw new GpuRequiredException(e);
                }

                if (Interlocked.Increment(ref _fallbacks) == 1)
                {
                    Log.CudaUnavailable(logger, e.Message);
                }

                return (cpu, ExecutionProvider.Cpu);
            }
        }

        return (OpenOnCpu(file, IntraOpThreads), ExecutionProvider.Cpu);
    }

    private IList<int> Devices
    {
        get
        {
            if (_options.GpuDevices.Count > 0)
            {
                return _options.GpuDevices;
            }

            return [_options.GpuDevice];
        }
    }

    private int NextDevice() => Devices[(int)((uint)Interlocked.Increment(ref _opened) % (uint)Devices.Count)];

    private InferenceSession OpenOnCpu(string file, int threads)
    {
        try
        {
            using SessionOptions options = Options(threads);
            return OpenAside(file, options);
        }
        catch (OnnxRuntimeException e)
        {
            string shown = ModelFile.Display(file);
            throw new ManifestException(
                shown,
                ["ONNX Runtime cannot read the graph: " + e.Message.Replace(file, shown, StringComparison.Ordinal)]);
        }
    }

    // With denormals set to zero, the first session changes the floating-point mode of its thread for good, and new
    // threads inherit the mode. .NET's compiler runs on any of them, reads the denormal-looking constants of some
    // vector instructions as zero, and emits wrong conversions. So that thread ends here.
    private static InferenceSession OpenAside(string file, SessionOptions options) =>
        Task.Factory.StartNew(
            () => new InferenceSession(file, options), CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default)
            .GetAwaiter()
            .GetResult();

    private SessionOptions Options(int intraOpThreads)
    {
        // A session with one thread does not need the pool, but would use the pool's threads too.
        bool shared = _options.SharedThreadPool && SharedThreads.Exist && intraOpThreads == IntraOpThreads;
        SessionOptions session = new()
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            IntraOpNumThreads = intraOpThreads,
            InterOpNumThreads = 1,
            // ONNX Runtime's errors arrive as exceptions; printed lines would break a log of JSON.
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        if (shared)
        {
            session.DisablePerSessionThreads();
        }

        session.AddSessionConfigEntry("session.intra_op.allow_spinning", _options.Spinning ? "1" : "0");
        session.AddSessionConfigEntry("session.set_denormal_as_zero", "1");
        return session;
    }
}

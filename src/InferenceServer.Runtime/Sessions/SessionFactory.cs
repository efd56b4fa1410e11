using InferenceServer.Kernels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Preprocessing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.ML.OnnxRuntime;
using OnnxGraph;

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

    /// <summary>Whether every session runs on the CPU: no GPU is wanted, or none can be used.</summary>
    public bool NeedsNoGpu => !_options.RequireGpu
        && (_options.Provider == ExecutionProvider.Cpu
            || (_options.Provider == ExecutionProvider.Auto && !CudaProvider.IsPresent));

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

    /// <summary>Adapts and opens the graph in <paramref name="file"/>.</summary>
    /// <param name="file">An ONNX file.</param>
    /// <param name="request">What the manifest says of the graph.</param>
    /// <param name="gpu">The model's settings for a GPU.</param>
    /// <returns>The session and the graph that it runs; the caller disposes the session.</returns>
    /// <exception cref="ManifestException">The graph cannot be served; the message names the remedy.</exception>
    /// <exception cref="GpuRequiredException">A GPU is required and cannot be used.</exception>
    public (IModelSession Session, AdaptedGraph Graph) Open(string file, AdaptationRequest request, GpuManifest? gpu = null)
    {
        Start();
        Exception? error = null;
        // ONNX Runtime prints errors when CUDA is missing; with the provider "auto", a missing CUDA is not an error.
        if (!NeedsNoGpu)
        {
            (AdaptedGraph wanted, GraphSource onGpu) = Adapt(file, request with { WithLabels = true });
            (IModelSession? cuda, error) = TryCuda(onGpu, wanted, request, gpu);
            GiveBack(onGpu);
            if (cuda is not null)
            {
                return (cuda, wanted);
            }
        }

        (AdaptedGraph graph, GraphSource source) = Adapt(file, request);
        // A graph that no provider can read throws here with an error about the graph.
        using Owned<IModelSession> cpu = new(OpenOnCpu(source, graph));
        GiveBack(source);
        if (error is not null)
        {
            FallBack(error);
        }

        return (cpu.Release(), graph);
    }

    /// <summary>Adapts the graph in a file, without opening it.</summary>
    /// <inheritdoc cref="Open"/>
    public (AdaptedGraph Graph, GraphSource Source) Adapt(string file, AdaptationRequest request) =>
        GraphAdapter.Adapt(file, request, (partial, source) => Probe(partial, source, request.Size));

    /// <summary>Opens a graph on the CPU, with all threads, as it is.</summary>
    /// <param name="source">The graph.</param>
    /// <returns>The session; the caller disposes it.</returns>
    /// <exception cref="ManifestException">ONNX Runtime cannot read the graph.</exception>
    public InferenceSession OpenOnCpu(GraphSource source) => OpenOnCpu(source, IntraOpThreads);

    /// <summary>The type and shape of a graph's result on one input of zeros.</summary>
    private TensorSignature Probe(AdaptedGraph graph, GraphSource source, ImageSize size)
    {
        using OnnxModelSession session = new(OpenOnCpu(source, IntraOpThreads), graph, ExecutionProvider.Cpu);
        using InputTensor input = new(1, size, session.Layout);
        input.Values.Span.Clear();
        try
        {
            using ModelOutput output = session.Run(input, CancellationToken.None);
            return new TensorSignature(graph.Output, (ElementType)output.ElementType, output.Shape);
        }
        catch (SegmentationException e)
        {
            throw new GraphRefusedException(
                $"preprocess.size: expected a graph that runs at every legal size, but it fails on an input of " +
                $"{session.Layout.Describe(1, size)}: {e.InnerException?.Message}");
        }
    }

    private static void GiveBack(GraphSource source)
    {
        if (source.Adapted is { } bytes)
        {
            NativeHeap.GiveBack(bytes, bytes.LongLength); // as large as the file; a collection may be hours away
        }
    }

    private IModelSession OpenOnCpu(GraphSource source, AdaptedGraph graph)
    {
        if (!IsElastic)
        {
            return Bind(OpenOnCpu(source), ExecutionProvider.Cpu, 0, graph);
        }

        try
        {
            return OpenShared(source, graph);
        }
        catch (Exception e) when (e is OnnxRuntimeException or OnnxFormatException or IOException or UnauthorizedAccessException)
        {
            using Owned<OnnxModelSession> wide = new(Bind(OpenOnCpu(source), ExecutionProvider.Cpu, 0, graph));
            using Owned<OnnxModelSession> narrow = new(Bind(OpenOnCpu(source, threads: 1), ExecutionProvider.Cpu, 0, graph));
            // The graph itself can be read. A full or locked folder is for the operator to mend; that ONNX Runtime cannot share the
            // weights of some operators of 8 bits is not.
            LogLevel level = e is IOException or UnauthorizedAccessException ? LogLevel.Warning : LogLevel.Debug;
            string shown = ModelFile.Display(source.File);
            Log.WeightsNotShared(logger, level, shown, e.Message);
            return new ElasticSession(wide.Release(), narrow.Release(), weights: null);
        }
    }

    private ElasticSession OpenShared(GraphSource source, AdaptedGraph graph)
    {
        using OptimizedGraph optimized = new();
        using (SessionOptions options = CpuOptions(source, IntraOpThreads))
        {
            optimized.WriteFrom(options);
            OpenAside(() => OpenHere(source, options)).Dispose();
        }

        using Owned<SharedWeights> weights = new(optimized.ReadWeights());
        using Owned<OnnxModelSession> wide = new(OpenPart(IntraOpThreads));
        using Owned<OnnxModelSession> narrow = new(OpenPart(threads: 1));
        return new ElasticSession(wide.Release(), narrow.Release(), weights.Release());

        OnnxModelSession OpenPart(int threads)
        {
            using SessionOptions options = CpuOptions(source, threads);
            return Bind(OpenAside(() => optimized.Open(weights.Value, options)), ExecutionProvider.Cpu, 0, graph);
        }
    }

    private OnnxModelSession Bind(
        InferenceSession session, ExecutionProvider provider, int device, AdaptedGraph graph, PixelNormalizer? pixels = null)
    {
        using Owned<InferenceSession> owned = new(session);
        string arena = provider == ExecutionProvider.Cpu ? "cpu:0" : CudaProvider.Arena(device);
        OrtAllocator? pinned = provider == ExecutionProvider.Cuda ? Pinned(session, device) : null;
        OnnxModelSession bound = new(session, graph, provider, _options.ArenaShrinkage ? arena : null, pinned, pixels);
        owned.Release();
        return bound;
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

    private void Start()
    {
        if (_options.SharedThreadPool)
        {
            // This call comes before any other use of ONNX Runtime, which would create an environment without the
            // pool.
            SharedThreads.TryCreate(PoolThreads, _options.Spinning);
        }

        SharedArena.TryCreate();
        if (OperatingSystem.IsWindows())
        {
            // On other systems an environment variable does the same: eng/OnnxRuntimeTelemetry.cs.
            OrtEnv.Instance().DisableTelemetryEvents();
        }
    }

    private (IModelSession? Session, Exception? Error) TryCuda(
        GraphSource source, AdaptedGraph graph, AdaptationRequest request, GpuManifest? gpu)
    {
        int device = NextDevice();
        string shown = ModelFile.Display(source.File);
        InferenceSession opened;
        try
        {
            opened = OpenOnGpu(source, device, gpu);
        }
        catch (Exception e) when (e is OnnxRuntimeException or InvalidOperationException or DllNotFoundException)
        {
            return (null, e);
        }

        PixelNormalizer? pixels = request.Pixels is { } values && _options.NormalizeOnGpu ? Normalizer(values, device, shown) : null;
        using Owned<OnnxModelSession> session = new(Bind(opened, ExecutionProvider.Cuda, device, graph, pixels));
        try
        {
            if (!session.Value.CheckLabels(request.Size))
            {
                Log.LabelsDiffer(logger, shown);
            }
        }
        catch (OnnxRuntimeException)
        {
            // The trial runs tell what the network cannot do.
        }

        return (session.Release(), null);
    }

    private InferenceSession OpenOnGpu(GraphSource source, int device, GpuManifest? gpu)
    {
        using SessionOptions cuda = Options(intraOpThreads: 1);
        CudaProvider.AppendTo(cuda, device, CudaSettings.Create(_options, gpu));
        return OpenAside(() => OpenHere(source, cuda));
    }

    private PixelNormalizer? Normalizer(InputValues values, int device, string model)
    {
        try
        {
            using Owned<InferenceSession> session = new(OpenOnGpu(PixelGraph.Create(values), device, gpu: null));
            using Owned<OrtAllocator> staging = new(CudaProvider.Pinned(session.Value, device));
            using Owned<PixelNormalizer> pixels = new(new(session.Value, staging.Value, CudaProvider.Memory(device)));
            staging.Release();
            session.Release();
            if (pixels.Value.IsRight(values))
            {
                return pixels.Release();
            }

            Log.PixelsDiffer(logger, model, "its numbers differ");
        }
        catch (OnnxRuntimeException e)
        {
            Log.PixelsDiffer(logger, model, e.Message);
        }

        return null;
    }

    private void FallBack(Exception error)
    {
        if (_options.RequireGpu)
        {
            throw new GpuRequiredException(error);
        }

        if (Interlocked.Increment(ref _fallbacks) == 1)
        {
            Log.CudaUnavailable(logger, error.Message);
        }
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

    private InferenceSession OpenOnCpu(GraphSource source, int threads)
    {
        try
        {
            using SessionOptions options = CpuOptions(source, threads);
            return OpenAside(() => OpenHere(source, options));
        }
        catch (OnnxRuntimeException e)
        {
            string shown = ModelFile.Display(source.File);
            throw new ManifestException(
                shown,
                ["ONNX Runtime cannot read the graph: " + e.Message.Replace(source.File, shown, StringComparison.Ordinal)]);
        }
    }

    // With denormals set to zero, the first session changes the floating-point mode of its thread for good, and new
    // threads inherit the mode. .NET's compiler runs on any of them, reads the denormal-looking constants of some
    // vector instructions as zero, and emits wrong conversions. So that thread ends here.
    private static InferenceSession OpenAside(Func<InferenceSession> open) =>
        Task.Factory.StartNew(open, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            .GetAwaiter()
            .GetResult();

    private static InferenceSession OpenHere(GraphSource source, SessionOptions options)
    {
        if (source.Adapted is null)
        {
            return new InferenceSession(source.File, options);
        }

        // Weights in further files lie beside the file that the graph was read from.
        options.AddSessionConfigEntry(
            "session.model_external_initializers_file_folder_path", Path.GetDirectoryName(Path.GetFullPath(source.File))!);
        return new InferenceSession(source.Adapted, options);
    }

    private SessionOptions CpuOptions(GraphSource source, int threads)
    {
        SessionOptions session = Options(threads);
        if (source.WeightBits > ProcessorTraits.Current.WeightBits)
        {
            // Products of unsigned values and these weights would overflow; those of unsigned weights do not, and are slower.
            session.AddSessionConfigEntry("session.x64quantprecision", "1");
        }

        if (SharedArena.Exists)
        {
            session.AddSessionConfigEntry("session.use_env_allocators", "1");
            // Weights in the arena would keep the memory around them from going back to the system.
            session.AddSessionConfigEntry("session.use_device_allocator_for_initializers", "1");
        }

        return session;
    }

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

using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Models;

/// <summary>Runs a model before it serves: the network at every declared size and batch size, and the stages before
/// and after the network.</summary>
/// <remarks>At the first run of a shape, ONNX Runtime plans its memory and a GPU chooses its algorithms; at the second, the
/// memory of a GPU grows to the plan. .NET optimises a method only after many calls.</remarks>
internal sealed class ModelWarmUp
{
    /// <summary>[height, width] of images where the manifest names none.</summary>
    public static readonly IReadOnlyList<int> Usual = [480, 640];

    private const int StageRuns = 2;
    private const int CompilerRounds = 3;
    private const int CompilerRuns = 40; // .NET recompiles a method after 30 calls
    // The recompilation also waits for 100 ms without a newly called method.
    private static readonly TimeSpan CompilerDelay = TimeSpan.FromMilliseconds(120);
    private static readonly ImageSize Small = new(96, 64);
    private static int _compiled;
    private readonly LoadedModel _model;
    private readonly ModelTrial _trial;
    private readonly CrfRefiner _refiner;
    private readonly bool _refines;
    private readonly int _networkRuns;

    public ModelWarmUp(LoadedModel model, string file, CrfRefiner refiner)
    {
        _model = model;
        _trial = new ModelTrial(model.Manifest, model.Session, model.Graph, file);
        _refiner = refiner;
        _networkRuns = model.Session.Provider == ExecutionProvider.Cuda ? 2 : 1;
        ModelManifest manifest = model.Manifest;
        _refines = manifest.Postprocess.Crf is not null
            && CrfManifest.Obstacle(manifest.Graph.OutputKind, model.Postprocessor.Classes) is null;
        IReadOnlyList<ImageSize> images =
        [
            .. (manifest.WarmUp?.Sizes ?? [manifest.Cost?.At ?? Usual]).Select(s => new ImageSize(s[1], s[0]))
        ];
        IReadOnlyList<PassPlan> plans = [.. images.Select(image => model.Preprocessor.Plan(image, model.Passes))];
        IReadOnlyList<PassPlan> staged = TakesColors(model) ? plans : [];
        // Images of several sizes may have the same input size. The stages of an image run the network on one of its inputs.
        Steps =
        [
            .. from size in plans.SelectMany(plan => plan.Inputs).Distinct()
               from batch in manifest.WarmUp?.Batches ?? [.. Enumerable.Range(1, model.Scheduler.MaxBatch)]
               where batch > 1 || staged.All(plan => FirstInput(plan) != size)
               select (Shape(batch, size), (Action<CancellationToken>)(ct => _trial.WarmUp(batch, size, _networkRuns, ct))),
            .. from plan in staged
               let name = $"{Shape(1, FirstInput(plan))}, an image of {plan.Image}"
               select (name, (Action<CancellationToken>)(ct => RunStages(plan, 1, StageRuns, TimeSpan.Zero, ct))),
        ];
        if (TakesColors(model) && Interlocked.Exchange(ref _compiled, 1) == 0)
        {
            Steps = [("the code", Compile), .. Steps];
        }
    }

    /// <summary>The runs in order, with a name for users.</summary>
    public IReadOnlyList<(string Name, Action<CancellationToken> Run)> Steps { get; }

    /// <summary>Gives the memory of the runs back to the system.</summary>
    public void GiveMemoryBack() => _trial.GiveMemoryBack();

    private static bool TakesColors(LoadedModel model) => model.Session.Layout.TakesImages && !model.Preprocessor.TakesBands;

    private static ImageSize FirstInput(PassPlan plan) => plan.Passes[0].View.Input;

    private string Shape(int batch, ImageSize size) => _model.Session.Layout.Describe(batch, size);

    /// <summary>Runs the stages until .NET's compiler optimises them; once in a process.</summary>
    private void Compile(CancellationToken cancellationToken) =>
        RunStages(_model.Preprocessor.Plan(Small, _model.Passes), CompilerRounds, CompilerRuns, CompilerDelay, cancellationToken);

    private void RunStages(PassPlan plan, int rounds, int runs, TimeSpan pause, CancellationToken cancellationToken)
    {
        using PooledBuffer<byte> rgb = new(checked((int)(plan.Image.Pixels * 3)));
        Paint(rgb.Span, plan.Image);
        using ImageViews? views = plan.IsOne ? null : _model.Preprocessor.Open(plan, rgb.Memory);
        using InputTensor input = Prepare();
        using ModelOutput output = _trial.WarmUp(input, _networkRuns, cancellationToken);
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < runs; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using InputTensor again = Prepare();
                Finish(plan, output, rgb.Memory, cancellationToken);
            }

            cancellationToken.WaitHandle.WaitOne(pause);
        }

        InputTensor Prepare() => views is null
            ? _model.Preprocessor.Prepare(rgb.Span, plan.Whole)
            : _model.Preprocessor.Prepare(views, plan.Passes[0]);
    }

    private void Finish(PassPlan plan, ModelOutput output, ReadOnlyMemory<byte> rgb, CancellationToken cancellationToken)
    {
        if (plan.IsOne)
        {
            using Mask mask = _model.Postprocessor.Compute(output, plan.Whole, withConfidence: false, withProbabilities: _refines);
            Refine(mask, rgb, cancellationToken);
            return;
        }

        Pass pass = plan.Passes[0];
        using FusedPasses fused = _model.Postprocessor.Fuse(plan, output, withConfidence: false, withProbabilities: false);
        fused.Add(pass, output);
        fused.Finish(pass.Bottom);
    }

    // Smooth colours: in noise no two pixels are similar, and a CRF would need many times its usual memory.
    private static void Paint(Span<byte> rgb, ImageSize size)
    {
        int i = 0;
        for (int y = 0; y < size.Height; y++)
        {
            for (int x = 0; x < size.Width; x++)
            {
                rgb[i++] = (byte)(x * byte.MaxValue / size.Width);
                rgb[i++] = (byte)(y * byte.MaxValue / size.Height);
                rgb[i++] = (byte)((x + y) & byte.MaxValue);
            }
        }
    }

    private void Refine(Mask mask, ReadOnlyMemory<byte> rgb, CancellationToken cancellationToken)
    {
        if (!_refines)
        {
            return;
        }

        try
        {
            CrfSettings settings = _refiner.Resolve(_model.Manifest.Postprocess.Crf, new CrfOverrides());
            int classes = _model.Postprocessor.Classes;
            _refiner.RefineAsync(mask, classes, rgb, (Confidence: false, Probabilities: false), settings, cancellationToken)
                .AsTask()
                .GetAwaiter()
                .GetResult()
                .Dispose();
        }
        catch (SegmentationException)
        {
            // Above the limits of the section Crf: requests of this size are rejected and need no warm-up.
        }
    }
}

using System.Diagnostics;
using InferenceServer.Kernels;
using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Traffic;
using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.LoadTests.Contenders;

/// <summary>The limit: nothing but the network, in this process, on inputs that are ready, with the session options
/// of the server.</summary>
internal sealed class RawContender : IContender
{
    private readonly InferenceSession[] _sessions;
    private readonly BenchmarkModel _model;

    /// <summary>Opens the sessions.</summary>
    /// <param name="model">What they run.</param>
    /// <param name="instances">Sessions, each with a caller of its own.</param>
    /// <param name="threads">Threads of each.</param>
    /// <param name="prefix">How its name begins.</param>
    public RawContender(BenchmarkModel model, int instances, int threads, string prefix)
    {
        Name = $"{prefix} {instances}x{threads}";
        _model = model;
        using SessionOptions options = new()
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddSessionConfigEntry("session.set_denormal_as_zero", "1");
        _sessions = [.. Enumerable.Range(0, instances).Select(_ => new InferenceSession(model.Graph, options))];
    }

    public string Name { get; }

    public async Task WarmUpAsync(PhotoSet photos) => await SaturateAsync(photos, TimeSpan.FromSeconds(2), round: 0).ConfigureAwait(false);

    public async Task<Window> SaturateAsync(PhotoSet photos, TimeSpan length, int round)
    {
        Dictionary<ImageSize, float[]> inputs = photos.Photos.Select(p => _model.InputOf(p.Size)).Distinct().ToDictionary(s => s, Noise);
        using Process self = Process.GetCurrentProcess();
        TimeSpan cpu = self.TotalProcessorTime;
        long start = Stopwatch.GetTimestamp();
        long runs = -1;
        List<Sample>[] samples = await Task.WhenAll(_sessions.Select(session => Task.Factory.StartNew(
            () => Loop(session), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))).ConfigureAwait(false);
        self.Refresh();
        return new Window
        {
            Contender = Name,
            Phase = "saturation",
            Photos = photos.Name,
            Round = round,
            Ramp = Math.Min(1, length.TotalSeconds / 5),
            Length = length.TotalSeconds,
            Samples = [.. samples.SelectMany(s => s)],
            Cpu = self.TotalProcessorTime - cpu,
            Resident = self.WorkingSet64,
        };

        double Now() => Stopwatch.GetElapsedTime(start).TotalSeconds;

        List<Sample> Loop(InferenceSession session)
        {
            List<Sample> mine = [];
            using RunOptions options = new();
            while (Now() < length.TotalSeconds)
            {
                ImageSize size = _model.InputOf(photos.At(Interlocked.Increment(ref runs)).Size);
                double begun = Now();
                using OrtValue input = OrtValue.CreateTensorValueFromMemory(inputs[size], [1, 3, size.Height, size.Width]);
                using IDisposableReadOnlyCollection<OrtValue> output = session.Run(options, [_model.Input], [input], [_model.Output]);
                mine.Add(new Sample(begun, Now(), Outcome.Accepted, 0, null));
            }

            return mine;
        }
    }

    public void Dispose()
    {
        foreach (InferenceSession session in _sessions)
        {
            session.Dispose();
        }
    }

    // A convolution takes the same time whatever the numbers, as long as none is denormal.
    private static float[] Noise(ImageSize size)
    {
        Random random = new(1);
        float[] values = new float[3 * size.Pixels];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (random.NextSingle() * 4) - 2;
        }

        return values;
    }
}

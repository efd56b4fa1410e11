using System.Diagnostics;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Cli.Bench;

/// <summary>Times the network alone and a full request, alternating, with the same session, so that changes of the
/// machine's speed affect both.</summary>
internal sealed class RequestBenchmark : IDisposable
{
    private readonly Segmenter _segmenter;
    private readonly LoadedModel _model;
    private readonly byte[] _encoded;
    private readonly InputTensor _input;

    private RequestBenchmark(Segmenter segmenter, LoadedModel model, byte[] encoded, InputTensor input) =>
        (_segmenter, _model, _encoded, _input) = (segmenter, model, encoded, input);

    /// <summary>Prepares the network's input: the image in one piece and once, whatever passes a request has.</summary>
    public static async Task<RequestBenchmark> CreateAsync(
        Segmenter segmenter, LoadedModel model, byte[] encoded, CancellationToken cancellationToken)
    {
        using AdmittedRequest admitted = segmenter.Admit(model.Name, cancellationToken);
        PassSettings whole = model.Passes with { Mode = InferenceMode.Whole, Scales = [1], Flip = false };
        InputTensor input = await segmenter.PrepareAsync(admitted, encoded, whole).ConfigureAwait(false);
        return new RequestBenchmark(segmenter, model, encoded, input);
    }

    /// <summary>Runs <paramref name="warmup"/> pairs, then measures <paramref name="runs"/> pairs.</summary>
    public async Task<BenchReport> RunAsync(
        Terminal terminal, int warmup, int runs, CancellationToken cancellationToken)
    {
        List<RequestSample> samples = [];
        await terminal.TrackAsync("Measuring", warmup + runs, async advance =>
        {
            for (int i = 0; i < warmup + runs; i++)
            {
                RequestSample sample = await MeasureAsync(cancellationToken).ConfigureAwait(false);
                if (i >= warmup)
                {
                    samples.Add(sample);
                }

                advance();
            }
        }).ConfigureAwait(false);
        return BenchReport.Create(_model, _input.Size, samples);
    }

    public void Dispose() => _input.Dispose();

    private async Task<RequestSample> MeasureAsync(CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using (ModelOutput output = _model.Session.Run(_input, cancellationToken))
        {
        }

        TimeSpan raw = Stopwatch.GetElapsedTime(start);
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        start = Stopwatch.GetTimestamp();
        StageTimings stages = await RequestAsync(cancellationToken).ConfigureAwait(false);
        TimeSpan full = Stopwatch.GetElapsedTime(start);
        return new RequestSample(raw, full, stages, GC.GetTotalAllocatedBytes(precise: true) - allocated);
    }

    /// <summary>Runs the same steps as the server, from the bytes of the request's body to the bytes of the
    /// response.</summary>
    private async Task<StageTimings> RequestAsync(CancellationToken cancellationToken)
    {
        using AdmittedRequest admitted = _segmenter.Admit(_model.Name, cancellationToken);
        using PooledBufferWriter mask = new();
        SegmentationRequest request = new() { Image = _encoded, Output = mask };
        using SegmentationResult result = await _segmenter.SegmentAsync(admitted, request).ConfigureAwait(false);
        return admitted.Timings;
    }
}

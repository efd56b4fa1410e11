using System.Globalization;

using System.Diagnostics;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Benchmarks.Batching;

/// <summary>Prints how many images a second a network does, for each way of keeping the processors busy: what the
/// defaults of Scheduling and Batching rest on.</summary>
internal static class BatchingTable
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(0.8);

    /// <summary>Measures all cases by turns, so that a drift of the machine meets all of them.</summary>
    /// <param name="model">A model's folder, with version 1 in it.</param>
    /// <param name="rounds">Measurements of each case; the table has their median.</param>
    public static void Run(string model, int rounds)
    {
        Dictionary<BatchingCase, List<(double Rate, double Cpu)>> measured = BatchingCase.All.ToDictionary(
            c => c, _ => new List<(double, double)>());
        for (int round = 0; round < rounds; round++)
        {
            foreach (BatchingCase one in BatchingCase.All)
            {
                measured[one].Add(Measure(model, one));
            }
        }

        Console.WriteLine("| input | instances × threads | batch | images/s | CPU ms an image | images/s, relative | CPU, relative |");
        Console.WriteLine("|---|---|--:|--:|--:|--:|--:|");
        foreach (IGrouping<ImageSize, BatchingCase> size in BatchingCase.All.GroupBy(c => c.Size))
        {
            (double rate, double cpu) = Median(measured[size.First()]);
            foreach (BatchingCase one in size)
            {
                (double itsRate, double itsCpu) = Median(measured[one]);
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"| {size.Key} | {one.Way} | {one.Batch} | {itsRate:F1} | {itsCpu:F1} | " +
                        $"{itsRate / rate:F2} | {itsCpu / cpu:F2} |"));
            }
        }
    }

    // Processor time is what a busy machine disturbs least.
    private static (double Rate, double Cpu) Measure(string model, BatchingCase one)
    {
        SessionFactory factory = new(
            Options.Create(
                new OnnxOptions
                {
                    Provider = ExecutionProvider.Cpu,
                    IntraOpThreads = one.Threads,
                    SharedThreadPool = false,
                }),
            Options.Create(new SchedulingOptions()), NullLogger<SessionFactory>.Instance);
        ModelManifest manifest = ManifestReader.Read(model);
        AdaptationRequest request = AdaptationRequest.Of(manifest);
        IModelSession[] sessions =
        [
            .. Enumerable.Range(0, one.OwnSessions ? one.Instances : 1)
                .Select(_ => factory.Open(Path.Combine(model, "1", "model.onnx"), request).Session)
        ];
        try
        {
            using InputTensor input = TrialImage.Full.Create(one.Batch, one.Size, TensorLayout.Float32Nchw(3), manifest.Preprocess);
            int images = 0;
            long start = 0;
            TimeSpan cpu = default;
            using Barrier warm = new(one.Instances, _ => (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime));
            Thread[] instances = [.. Enumerable.Range(0, one.Instances).Select(i => new Thread(() =>
            {
                IModelSession session = sessions[i % sessions.Length];
                session.Run(input, CancellationToken.None).Dispose();
                warm.SignalAndWait();
                do
                {
                    session.Run(input, CancellationToken.None).Dispose();
                    Interlocked.Add(ref images, one.Batch);
                }
                while (Stopwatch.GetElapsedTime(start) < Length);
            }))];
            Array.ForEach(instances, t => t.Start());
            Array.ForEach(instances, t => t.Join());
            return (
                images / Stopwatch.GetElapsedTime(start).TotalSeconds,
                (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / images);
        }
        finally
        {
            Array.ForEach(sessions, s => s.Dispose());
        }
    }

    private static (double Rate, double Cpu) Median(List<(double Rate, double Cpu)> values) =>
        (values.Select(v => v.Rate).Order().ElementAt(values.Count / 2), values.Select(v => v.Cpu).Order().ElementAt(values.Count / 2));
}

using System.Net;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Tests.Zoo;

/// <summary>Every system of models/zoo, exported and served, against PyTorch with the same weights: alone and two in
/// a run, at the size that was traced and at an odd one.</summary>
public sealed class ZooParityTests(ZooParityTests.ZooServer server) : IClassFixture<ZooParityTests.ZooServer>
{
    private static readonly Tolerance Exact = new(1e-3, 0.9999);
    private static readonly Tolerance HalfPrecision = new(0.2, 0.99);

    public static TheoryData<string, string> Cases => ZooCase.All;

    [Theory, MemberData(nameof(Cases))]
    public async Task Segment_NarrowSystem_EqualsPyTorch(string model, string file)
    {
        ZooCase expected = ZooCase.Read(model, file);
        Tolerance tolerance = model.EndsWith("-fp16", StringComparison.Ordinal) ? HalfPrecision : Exact;
        LoadedModel loaded = server.Services.GetRequiredService<ModelRepository>().Entry(model).Model!;
        List<Answer> answers = [];
        using GatedSession network = new(loaded) { Ran = output => answers.AddRange(Answer.Of(output)) };
        // The first holds the only instance, so that the other two meet in the queue.
        Task<byte[]> alone = LabelsAsync(model, expected.Png);
        await Eventually.TrueAsync(() => loaded.Scheduler.Running == 1);
        Task<byte[]>[] together = [LabelsAsync(model, expected.Png), LabelsAsync(model, expected.Png)];
        await Eventually.TrueAsync(() => loaded.Scheduler.QueuedImages == 2);

        network.Open();

        foreach (byte[] labels in await Task.WhenAll([alone, .. together]))
        {
            Assert.Equal(expected.Labels.Samples.Length, labels.Length);
            Assert.InRange(
                (double)labels.Zip(expected.Labels.Samples).Count(pair => pair.First == pair.Second) / labels.Length,
                tolerance.Labels, 1);
        }

        Assert.Equal([1, 2], network.Runs);
        Assert.Equal(3, answers.Count);
        Assert.All(answers, answer => answer.IsNear(expected, tolerance));
    }

    private async Task<byte[]> LabelsAsync(string model, byte[] png)
    {
        using HttpResponseMessage response = await server.Client.PostAsync($"/v1/segment/{model}?format=raw", Photo.Content(png));
        byte[] labels = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return labels;
    }

    /// <summary>A server with the narrow systems, which puts two images into a run.</summary>
    public sealed class ZooServer() : SegmentationServer(
        [
            ("Models:Path", ZooCase.Folder), ("Models:Default", "deeplabv3plus"), ("Scheduling:Instances", "1"),
            ("Batching:MaxBatchSize", "2")
        ]);

    /// <summary>How near is equal.</summary>
    /// <param name="Logits">Largest difference of a logit.</param>
    /// <param name="Labels">Smallest share of equal labels.</param>
    private sealed record Tolerance(double Logits, double Labels);

    /// <summary>What the network gave for one image, copied: the server frees it.</summary>
    private sealed record Answer(float[]? Scores, byte[]? Labels)
    {
        public static IEnumerable<Answer> Of(ModelOutput output)
        {
            for (int i = 0; i < output.Shape[0]; i++)
            {
                if (output.ElementType == TensorElementType.Float)
                {
                    yield return new Answer(output.Scores(i).ToArray(), null);
                    continue;
                }

                byte[] labels = new byte[output.Height * output.Width];
                output.CopyLabels<byte>(labels, other: 255, i);
                yield return new Answer(null, labels);
            }
        }

        public void IsNear(ZooCase expected, Tolerance tolerance)
        {
            if (Scores is not null)
            {
                Assert.InRange(expected.LargestDifference(Scores), 0, tolerance.Logits);
            }
            else
            {
                Assert.InRange(expected.Differences(Labels), 0, (int)(Labels!.Length * (1 - tolerance.Labels)));
            }
        }
    }
}

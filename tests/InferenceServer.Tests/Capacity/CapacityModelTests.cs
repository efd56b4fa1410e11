using InferenceServer.Jobs;
using InferenceServer.LoadTests.Capacity;

namespace InferenceServer.Tests.Capacity;

/// <summary>The simulation behind docs/scaling.md, held against what queueing theory knows exactly.</summary>
public sealed class CapacityModelTests
{
    private const int Requests = 200_000;
    private const double Time = 0.05; // seconds of an image, alone or not

    private static readonly ReplicaModel OneAtATime = new(Instances: 1, Alone: Time, Busy: Time, MostInside: int.MaxValue, Spread: 0);

    [Theory]
    [InlineData(0.55)] // with less, most do not wait at all
    [InlineData(0.7)]
    [InlineData(0.9)]
    public void Run_PoissonAndOneAtATime_HasTheLatenciesOfErlang(double load)
    {
        Prediction predicted = new CapacityModel(
            OneAtATime, replicas: 1, Balancing.RoundRobin, Arrivals.Poisson, seed: 1).Run(load / Time, Requests);

        // A request is answered later than waited + Time where it waited longer than that.
        Assert.Equal(0.5, WaitedAtMost((predicted.P50 / 1000) - Time, load), tolerance: 0.02);
        Assert.Equal(0.99, WaitedAtMost((predicted.P99 / 1000) - Time, load), tolerance: 0.005);
        Assert.Equal(0, predicted.Refused);
    }

    [Fact]
    public void JobModel_Constants_AreTheServers() =>
        Assert.All(
            [1, 511, 512, 2_000, 100_000, 1_000_000],
            images => Assert.Equal(JobPlan.Of(images).ChunkSize, JobModel.ChunkSize(images)));

    [Theory]
    [InlineData(4, 4)] // as many times faster as there are replicas
    [InlineData(16, 16)]
    [InlineData(512, 106.7)] // 256 chunks are 256 workers, each with an image in 10 + 50 ms; one replica makes 40 a second
    public void JobModel_Replicas_ShareAJobUntilTheWindowIsEmpty(int replicas, double expected)
    {
        ReplicaModel equal = new(Instances: 2, Alone: Time, Busy: Time, MostInside: 64, Spread: 0);
        double one = new JobModel(equal, 1, workers: 4, transfer: 0.01, perChunk: 0).Run(200_000);

        double many = new JobModel(equal, replicas, workers: 4, transfer: 0.01, perChunk: 0).Run(200_000);

        Assert.InRange(one / many, expected * 0.93, expected * 1.07);
    }

    [Fact]
    public void Run_EvenlyBelowCapacity_NobodyWaits()
    {
        Prediction predicted = new CapacityModel(
            OneAtATime,
            replicas: 4,
            Balancing.LeastConnections,
            Arrivals.Even,
            seed: 1).Run(0.99 * 4 / Time, Requests);

        Assert.Equal(Time * 1000, predicted.P99, tolerance: 1e-3);
    }

    [Theory]
    [InlineData(nameof(Balancing.RoundRobin))]
    [InlineData(nameof(Balancing.LeastConnections))]
    public void Run_AboveCapacity_AcceptsWhatCanBeDone(string balancing)
    {
        ReplicaModel bounded = OneAtATime with { MostInside = 16 };
        Prediction predicted = new CapacityModel(
            bounded,
            replicas: 4,
            Enum.Parse<Balancing>(balancing),
            Arrivals.Poisson,
            seed: 1).Run(1.5 * 4 / Time, Requests);

        Assert.Equal(4 / Time, predicted.Accepted, tolerance: 4 / Time * 0.02);
        Assert.Equal(1 / 3.0, predicted.Refused, tolerance: 0.02);
    }

    [Fact]
    public void Run_ImagesOfUnlikeCost_LeastConnectionsWaitsLess()
    {
        ReplicaModel unlike = OneAtATime with { Spread = 1 };
        Prediction turns = new CapacityModel(
            unlike, replicas: 8, Balancing.RoundRobin, Arrivals.Poisson, seed: 1).Run(0.7 * 8 / Time, Requests);
        Prediction least = new CapacityModel(
            unlike, replicas: 8, Balancing.LeastConnections, Arrivals.Poisson, seed: 1).Run(0.7 * 8 / Time, Requests);

        Assert.True(least.P99 < turns.P99, $"{least.P99} ms, {turns.P99} ms by turns");
    }

    // M/D/1: A. K. Erlang, "The theory of probabilities and telephone conversations", 1909.
    private static double WaitedAtMost(double wait, double load)
    {
        double rate = load / Time, sum = 0;
        for (int k = 0; k <= (int)(wait / Time); k++)
        {
            double x = rate * ((k * Time) - wait), term = Math.Exp(-x);
            for (int i = 1; i <= k; i++)
            {
                term *= x / i;
            }

            sum += term;
        }

        return (1 - load) * sum;
    }
}

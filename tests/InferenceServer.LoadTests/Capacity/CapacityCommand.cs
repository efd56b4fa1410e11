using System.CommandLine;
using System.Globalization;

namespace InferenceServer.LoadTests.Capacity;

/// <summary><c>capacity</c>: what replicas behind a balancer will do, from what one was measured to do.</summary>
internal static class CapacityCommand
{
    private const int Requests = 100_000;
    private const double PlannedLoad = 0.7; // of the capacity: beyond, the tail grows fast, and a lost replica or a burst finds no room
    private const double ChunkSeconds = 0.05; // a message, a page of the plan and an object of answers

    // Above capacity the server keeps its queue short (docs/scaling.md), which is not simulated.
    private static readonly double[] Loads = [0.2, 0.5, 0.7, 0.8, 0.9, 0.95];
    private static readonly int[] Replicas = [1, 2, 8, 64];

    public static Command Create()
    {
        Option<int> instances = new("--instances")
        {
            Description = "Images that one replica's network works on at once.",
            DefaultValueFactory = _ => 2,
        };
        Option<double> alone = new("--alone-ms")
        {
            Description = "An image that has one replica to itself.",
            DefaultValueFactory = _ => 30,
        };
        Option<double> saturation = new("--saturation")
        {
            Description =
                "Masks a second of one replica at saturation, as load measures them; the default is that of " +
                "docs/scaling.md.",
            DefaultValueFactory = _ => 40.0,
        };
        Option<double> spread = new("--spread")
        {
            Description = "Standard deviation of the logarithm of an image's cost; 0 where all cost the same.",
            DefaultValueFactory = _ => 0.07,
        };
        Option<Arrivals> arrivals = new("--arrivals")
        {
            Description = "Poisson, as many clients send, or Even, as the curve of compare does.",
        };
        Option<double[]> rates = new("--rates")
        {
            Description = "One replica at these rates, to hold against measurements.",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<double> rate = new("--rate") { Description = "How many replicas this many masks a second take." };
        Option<int> job = new("--job") { Description = "A job of so many images, on 1 to 128 replicas." };
        Option<int> workers = new("--workers") { Description = "Jobs:Workers of a replica.", DefaultValueFactory = _ => 4 };
        Option<double> transfer = new("--transfer-ms")
        {
            Description = "Time to read an image from the store and to write its mask.",
            DefaultValueFactory = _ => 30,
        };
        Command command = new("capacity", "Predict N replicas behind a balancer by simulation.")
        {
            instances, alone, saturation, spread, arrivals, rates, rate, job, workers, transfer,
        };
        command.SetAction(parsed =>
        {
            double most = parsed.GetValue(saturation);
            ReplicaModel replica = new(
                parsed.GetValue(instances), parsed.GetValue(alone) / 1000, parsed.GetValue(instances) / most,
                MostInside: 64, parsed.GetValue(spread));
            if (parsed.GetValue(job) is > 0 and int images)
            {
                WriteJob(replica, images, parsed.GetValue(workers), parsed.GetValue(transfer) / 1000);
                return;
            }

            Prediction Predict(int replicas, Balancing balancing, double rate) =>
                new CapacityModel(
                    replica, replicas, balancing, parsed.GetValue(arrivals), seed: 1).Run(rate, Requests);
            Console.WriteLine(
                "| replicas | balancing | of capacity | offered/s | masks/s | refused | p50 ms | p99 ms " +
                "|\n|--:|---|--:|--:|--:|--:|--:|--:|");
            if (parsed.GetValue(rates) is { Length: > 0 } measured)
            {
                Array.ForEach(measured, offered => Write(1, Balancing.RoundRobin, Predict(1, Balancing.RoundRobin, offered), most));
            }
            else if (parsed.GetValue(rate) is > 0 and double wanted)
            {
                int replicas = (int)Math.Ceiling(wanted / (PlannedLoad * most));
                Array.ForEach(Balancings(replicas), balancing => Write(replicas, balancing, Predict(replicas, balancing, wanted), most));
            }
            else
            {
                foreach ((int replicas, Balancing balancing) in Replicas.SelectMany(n => Balancings(n).Select(b => (n, b))))
                {
                    Array.ForEach(Loads, load => Write(replicas, balancing, Predict(replicas, balancing, load * most * replicas), most));
                }
            }
        });
        return command;
    }

    private static void WriteJob(ReplicaModel replica, int images, int workers, double transfer)
    {
        Console.WriteLine("| replicas | hours | images/s | times one replica |\n|--:|--:|--:|--:|");
        double one = 0;
        for (int replicas = 1; replicas <= 128; replicas *= 2)
        {
            double seconds = new JobModel(replica, replicas, workers, transfer, ChunkSeconds).Run(images);
            one = replicas == 1 ? seconds : one;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {replicas} | {seconds / 3600:F2} | {images / seconds:F1} | {one / seconds:F1} |"));
        }
    }

    // One replica is chosen in any case.
    private static Balancing[] Balancings(int replicas) => replicas == 1 ? [Balancing.RoundRobin] : Enum.GetValues<Balancing>();

    private static void Write(int replicas, Balancing balancing, Prediction p, double most) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"| {replicas} | {(replicas == 1 ? "" : balancing)} | {p.Offered / (most * replicas):P0} | {p.Offered:F1} " +
        $"| {p.Accepted:F1} | {p.Refused:P1} | {p.P50:F0} | {p.P99:F0} |"));
}

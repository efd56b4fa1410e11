using System.CommandLine;
using System.Globalization;

namespace InferenceServer.LoadTests.Capacity;

/// <summary><c>capacity</c>: what replicas behind a balancer will do, from what one was measured to do.</summary>
internal static class CapacityCommand
{
    private const int Requests = 100_000;
    private static readonly double[] Loads = [0.2, 0.5, 0.7, 0.8, 0.9, 1.1];

    public static Command Create()
    {
        Option<int> instances = new("--instances") { Description = "Images that one replica's network works on at once.", DefaultValueFactory = _ => 2 };
        Option<double> alone = new("--alone-ms") { Description = "An image that has one replica to itself.", DefaultValueFactory = _ => 30 };
        Option<double> saturation = new("--saturation") { Description = "Masks a second of one replica at saturation.", DefaultValueFactory = _ => 40 };
        Option<double> spread = new("--spread") { Description = "Standard deviation of the logarithm of an image's cost; 0 where all have one size." };
        Option<double> rate = new("--rate") { Description = "Also: how many replicas this many masks a second take, at 70 % of their capacity." };
        Option<double[]> rates = new("--rates") { Description = "One replica at these rates, to hold against measurements.", AllowMultipleArgumentsPerToken = true };
        Command command = new("capacity", "Predict N replicas behind a balancer by simulation.") { instances, alone, saturation, spread, rate, rates };
        command.SetAction(parsed =>
        {
            ReplicaModel replica = new(parsed.GetValue(instances), parsed.GetValue(alone) / 1000, parsed.GetValue(instances) / parsed.GetValue(saturation), MostInside: 64, parsed.GetValue(spread));
            double most = parsed.GetValue(saturation);
            foreach (double one in parsed.GetValue(rates) ?? [])
            {
                Write(1, Balancing.RoundRobin, new CapacityModel(replica, 1, Balancing.RoundRobin, seed: 1).Run(one, Requests), most);
            }

            foreach (int replicas in (parsed.GetValue(rates) ?? []).Length > 0 ? [] : (int[])[1, 2, 8, 64])
            {
                foreach (Balancing balancing in replicas == 1 ? [Balancing.RoundRobin] : Enum.GetValues<Balancing>())
                {
                    foreach (double load in Loads)
                    {
                        Write(replicas, balancing, new CapacityModel(replica, replicas, balancing, seed: 1).Run(load * most * replicas, Requests), most);
                    }
                }
            }

            if (parsed.GetValue(rate) is > 0 and double wanted)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{wanted} a second: {Math.Ceiling(wanted / (0.7 * most))} replicas"));
            }
        });
        return command;
    }

    private static void Write(int replicas, Balancing balancing, Prediction p, double most) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"| {replicas} | {(replicas == 1 ? "" : balancing)} | {p.Offered / (most * replicas):P0} | {p.Offered:F1} | {p.Accepted:F1} | {p.Refused:P1} | {p.P50:F0} | {p.P99:F0} |"));
}

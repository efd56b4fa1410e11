namespace InferenceServer.LoadTests.Capacity;

/// <summary>A simulation, event by event, of replicas behind a balancer.</summary>
/// <remarks>
/// A replica is what docs/scaling.md describes, less what does not show in its curve: so many instances of the
/// network, a queue in order of arrival in front of them, a bound on the requests inside. An image that
/// is alone runs on all cores, and faster; those that come meanwhile wait.
/// </remarks>
internal sealed class CapacityModel(ReplicaModel replica, int replicas, Balancing balancing, Arrivals arrivals, int seed)
{
    private readonly Random _random = new(seed);
    private readonly Replica[] _replicas = [.. Enumerable.Range(0, replicas).Select(_ => new Replica())];
    private readonly PriorityQueue<Event, double> _events = new();
    private int _turn;

    /// <summary>Runs it.</summary>
    /// <param name="rate">Requests a second, all together.</param>
    /// <param name="requests">How many; the first tenth is not counted.</param>
    public Prediction Run(double rate, int requests)
    {
        List<double> latencies = new(requests);
        double now = 0, counted = 0;
        int refused = 0, arrived = 0;
        _events.Enqueue(new Event(null, default), 0);
        while (_events.TryDequeue(out Event current, out now))
        {
            if (current.Replica is { } done)
            {
                done.Inside--;
                done.Busy--;
                done.IsTaken = false;
                if (current.Arrived > counted && counted > 0)
                {
                    latencies.Add(now - current.Arrived);
                }

                Start(done, now);
                continue;
            }

            arrived++;
            counted = arrived == requests / 10 ? now : counted;
            Replica chosen = Choose();
            if (chosen.Inside >= replica.MostInside)
            {
                refused += counted > 0 ? 1 : 0;
            }
            else
            {
                chosen.Inside++;
                chosen.Waiting.Enqueue(now);
                Start(chosen, now);
            }

            if (arrived < requests)
            {
                _events.Enqueue(new Event(null, default), now + (Gap() / rate));
            }
        }

        latencies.Sort();
        double share = latencies.Count / (double)Math.Max(1, latencies.Count + refused);
        return new Prediction(rate, rate * share, 1 - share, At(latencies, 0.5) * 1000, At(latencies, 0.99) * 1000);
    }

    private double Gap() => arrivals == Arrivals.Even ? 1 : -Math.Log(1 - _random.NextDouble());

    // nginx knows only the connections that it opened itself, which here are all.
    private Replica Choose()
    {
        int first = _turn++ % _replicas.Length;
        Replica best = _replicas[first];
        for (int i = 1; balancing == Balancing.LeastConnections && i < _replicas.Length; i++)
        {
            Replica other = _replicas[(first + i) % _replicas.Length]; // by turns among equals
            best = other.Inside < best.Inside ? other : best;
        }

        return best;
    }

    private void Start(Replica at, double now)
    {
        while (at.Busy < replica.Instances && !at.IsTaken && at.Waiting.Count > 0)
        {
            at.IsTaken = at.Busy == 0 && at.Waiting.Count < replica.Instances;
            at.Busy++;
            double arrived = at.Waiting.Dequeue();
            double time = (at.IsTaken ? replica.Alone : replica.Busy) * replica.Size(_random);
            _events.Enqueue(new Event(at, arrived), now + time);
        }
    }

    private static double At(List<double> sorted, double share) =>
        sorted.Count == 0 ? double.NaN : sorted[(int)(share * (sorted.Count - 1))];

    private readonly record struct Event(Replica? Replica, double Arrived);

    private sealed class Replica
    {
        public Queue<double> Waiting { get; } = [];

        public int Inside { get; set; }

        public int Busy { get; set; }

        /// <summary>Whether one image has all cores.</summary>
        public bool IsTaken { get; set; }
    }
}

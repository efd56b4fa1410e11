namespace InferenceServer.LoadTests.Capacity;

/// <summary>A simulation, event by event, of replicas that work on one job.</summary>
/// <remarks>Workers take chunks from one queue. A chunk's images are read and written one after another and wait for an
/// instance of the network of their replica. As in the server, a finished chunk c puts chunk c + window into the queue, and
/// the job has ended with its last chunk.</remarks>
/// <param name="replica">A replica.</param>
/// <param name="replicas">Number of replicas.</param>
/// <param name="workers">Workers of a replica: <c>Jobs:Workers</c>.</param>
/// <param name="transfer">Seconds to read an image and to write its mask.</param>
/// <param name="perChunk">Seconds that a chunk costs beside its images: its message, its plan and its answers.</param>
internal sealed class JobModel(ReplicaModel replica, int replicas, int workers, double transfer, double perChunk)
{
    /// <summary>Chunks of the job that are in the queue or worked on at the same time, as in the server.</summary>
    public const int Window = 256;

    /// <summary>Most images of a chunk, as in the server.</summary>
    public const int LargestChunk = 16;

    private readonly Random _random = new(1);
    private readonly PriorityQueue<Action<double>, double> _events = new();

    /// <summary>Images of a chunk.</summary>
    public static int ChunkSize(int images)
    {
        int size = 1;
        while (size < LargestChunk && images / size >= 2 * Window)
        {
            size *= 2;
        }

        return size;
    }

    /// <summary>Seconds of a job of so many images.</summary>
    public double Run(int images)
    {
        int size = ChunkSize(images), chunks = (images + size - 1) / size;
        Queue<int> waiting = new(Enumerable.Range(0, Math.Min(Window, chunks)));
        Queue<Worker> idle = [];
        double end = 0;
        for (int i = 0; i < replicas; i++)
        {
            Replica at = new();
            for (int worker = 0; worker < workers; worker++)
            {
                idle.Enqueue(new Worker(at));
            }
        }

        // Workers of unlike replicas by turns, as they ask the queue.
        idle = new Queue<Worker>(idle.Select((w, i) => (w, i)).OrderBy(p => p.i % workers).Select(p => p.w));
        Give(0);
        while (_events.TryDequeue(out Action<double>? happen, out double now))
        {
            end = now;
            happen(now);
        }

        return end;

        void Give(double now)
        {
            while (idle.Count > 0 && waiting.TryDequeue(out int chunk))
            {
                Worker worker = idle.Dequeue();
                worker.Left = Math.Min(size, images - (chunk * size));
                At(now + perChunk, later => Next(worker, chunk, later));
            }
        }

        void Next(Worker worker, int chunk, double now)
        {
            if (worker.Left-- > 0)
            {
                At(now + transfer, later => Enter(worker, chunk, later));
                return;
            }

            if (chunk + Window < chunks)
            {
                waiting.Enqueue(chunk + Window);
            }

            idle.Enqueue(worker);
            Give(now);
        }

        void Enter(Worker worker, int chunk, double now)
        {
            worker.Replica.Waiting.Enqueue((worker, chunk));
            Start(worker.Replica, now);
        }

        void Start(Replica at, double now)
        {
            while (at.Busy < replica.Instances && at.Waiting.TryDequeue(out (Worker Worker, int Chunk) image))
            {
                at.Busy++;
                At(now + (replica.Busy * replica.Size(_random)), later =>
                {
                    at.Busy--;
                    Start(at, later);
                    Next(image.Worker, image.Chunk, later);
                });
            }
        }
    }

    private void At(double time, Action<double> happen) => _events.Enqueue(happen, time);

    private sealed class Replica
    {
        public Queue<(Worker Worker, int Chunk)> Waiting { get; } = [];

        public int Busy { get; set; }
    }

    private sealed class Worker(Replica replica)
    {
        public Replica Replica => replica;

        public int Left { get; set; }
    }
}

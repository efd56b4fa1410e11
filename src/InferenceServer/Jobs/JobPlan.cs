namespace InferenceServer.Jobs;

/// <summary>How the images of a job are divided into chunks, the units of work.</summary>
/// <param name="Total">Images of the job.</param>
/// <param name="ChunkSize">Images of a chunk; the last may have fewer.</param>
internal sealed record JobPlan(int Total, int ChunkSize)
{
    /// <summary>Images of a page: a file of the plan, so that a worker reads little for a chunk. A multiple of each chunk
    /// size.</summary>
    public const int PageSize = 1024;

    /// <summary>Most images of any job.</summary>
    public const int MostImages = 100_000_000;

    /// <summary>Chunks of a job that wait in the queue at the same time. Each finished chunk c adds c + Window, so that the
    /// images of a large job are never all before those of the next job.</summary>
    public const int Window = 256;

    // A chunk is what a crash does twice, and what a queue's message costs.
    private const int LargestChunk = 16;

    /// <summary>Number of chunks.</summary>
    public int Chunks => (Total + ChunkSize - 1) / ChunkSize;

    /// <summary>Divides images: small jobs into chunks of one image, so that all servers take part.</summary>
    public static JobPlan Of(int total)
    {
        int size = 1;
        while (size < LargestChunk && total / size >= 2 * Window)
        {
            size *= 2;
        }

        return new JobPlan(total, size);
    }

    /// <summary>Images of a chunk.</summary>
    public int Count(int chunk) => Math.Min(ChunkSize, Total - (chunk * ChunkSize));
}

/// <summary>One image of a job.</summary>
/// <param name="Name">The image's name in answers: its key, URL or file name.</param>
/// <param name="Key">The key in its source's store, or the URL.</param>
internal sealed record JobItem(string Name, string Key)
{
    /// <summary>Number of the source in <see cref="JobRequest.Sources"/>; -1 for an uploaded image.</summary>
    public int Source { get; set; } = -1;

    /// <summary>Key of the mask in the target; null where the job has no target.</summary>
    public string? Output { get; init; }

    /// <summary>Why an uploaded image could not be read; null where it could.</summary>
    public string? Fault { get; init; }

    /// <summary>Whether the mask was there before the job.</summary>
    public bool Exists { get; init; }
}

/// <summary>The content of <c>_SUCCESS</c>.</summary>
/// <param name="Total">Images of the job.</param>
/// <param name="Done">Images with a mask.</param>
/// <param name="Failed">Images with an error.</param>
internal sealed record JobTotals(int Total, int Done, int Failed);

/// <summary>The image that a worker has begun, in a chunk that was begun before.</summary>
/// <param name="Index">The image's index in the job.</param>
/// <param name="Deaths">How often a server has ended while it worked on this image.</param>
internal sealed record JobTry(int Index, int Deaths);

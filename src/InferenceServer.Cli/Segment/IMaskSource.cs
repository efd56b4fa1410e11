namespace InferenceServer.Cli.Segment;

/// <summary>Where masks come from.</summary>
internal interface IMaskSource
{
    /// <summary>Makes the mask of one image and writes it to a file.</summary>
    Task WriteAsync(byte[] image, string output, CancellationToken cancellationToken);
}

namespace InferenceServer.Cli.Hosting;

/// <summary>Writes files atomically: a reader finds the whole new file, or the old one.</summary>
internal static class WholeFile
{
    /// <summary>Writes a file in an existing folder.</summary>
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        string unfinished = path + ".part";
        try
        {
            await File.WriteAllBytesAsync(unfinished, content, cancellationToken).ConfigureAwait(false);
            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }
}

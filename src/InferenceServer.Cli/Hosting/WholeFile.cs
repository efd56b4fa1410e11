namespace InferenceServer.Cli.Hosting;

/// <summary>Files that are written in one step: whoever looks finds all of one, or what was there before.</summary>
internal static class WholeFile
{
    /// <summary>Writes a file, in a folder that is there.</summary>
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

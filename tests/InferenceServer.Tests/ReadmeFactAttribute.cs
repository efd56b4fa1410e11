namespace InferenceServer.Tests;

/// <summary>A test of the README; skipped where there is none.</summary>
public sealed class ReadmeFactAttribute : FactAttribute
{
    public ReadmeFactAttribute()
    {
        if (!System.IO.File.Exists(File))
        {
            Skip = "There is no README.md.";
        }
    }

    internal static string File { get; } = Path.Combine(Repository.Root, "README.md");
}

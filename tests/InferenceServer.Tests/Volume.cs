using System.Diagnostics;

namespace InferenceServer.Tests;

/// <summary>A small volume in memory; only root may mount one.</summary>
internal sealed class Volume : IAsyncDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory().FullName;

    public static async Task<Volume> MountAsync(string options)
    {
        Volume volume = new();
        Assert.Equal(0, await RunAsync("mount", "-t", "tmpfs", "-o", options, "tmpfs", volume.Path));
        return volume;
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("umount", "-l", Path);
        Directory.Delete(Path);
    }

    /// <summary>Whether this process may mount a volume.</summary>
    public static bool MayMount { get; } = Try();

    private static bool Try()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            return false;
        }

        string folder = Directory.CreateTempSubdirectory().FullName;
        bool isMounted = RunAsync("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder).GetAwaiter().GetResult() == 0
            && RunAsync("umount", folder).GetAwaiter().GetResult() == 0;
        Directory.Delete(folder);
        return isMounted;
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}

/// <summary>A theory that needs volumes.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MountTheoryAttribute : TheoryAttribute
{
    public MountTheoryAttribute()
    {
        if (!Volume.MayMount)
        {
            Skip = "only root may mount a volume";
        }
    }
}

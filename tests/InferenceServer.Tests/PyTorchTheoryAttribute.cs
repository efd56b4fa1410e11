using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace InferenceServer.Tests;

/// <summary>A test that exports a model with PyTorch; skipped where the system's Python has none.</summary>
public sealed class PyTorchTheoryAttribute : TheoryAttribute
{
    internal const string Python = "/usr/bin/python3";

    private static readonly Lazy<bool> Available = new(() => File.Exists(Python) && Run("-c", "import torch, torchvision, PIL"));

    public PyTorchTheoryAttribute([CallerMemberName] string test = "")
    {
        if (!Available.Value)
        {
            Skip = $"{Python} has no torch, torchvision and Pillow.";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    /// <summary>Runs Python; whether it succeeded. Its output is dropped.</summary>
    internal static bool Run(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(Python, arguments)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment = { ["PYTHONDONTWRITEBYTECODE"] = "1", ["OMP_NUM_THREADS"] = "1" },
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}

using System.CommandLine;
using System.Runtime.InteropServices;
using InferenceServer.Cli.Bench;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Inspect;
using InferenceServer.Cli.Key;
using InferenceServer.Cli.Optimize;
using InferenceServer.Cli.Pull;
using InferenceServer.Cli.Refine;
using InferenceServer.Cli.Segment;
using InferenceServer.Cli.TuneCrf;
using InferenceServer.Cli.Work;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Cli.Hosting;

/// <summary>The program: its commands, exit codes and error messages.</summary>
internal static class CommandLine
{
    private const int Failure = 1;
    private const int BadUsage = 2;
    private const int Interrupted = 130; // the exit code that shells report after Ctrl+C
    private const int Terminated = 143; // the exit code that shells report after SIGTERM

    public static RootCommand Create() => new("Semantic segmentation from the command line: image in, mask out.")
    {
        SegmentCommand.Create(),
        EvaluateCommand.Create(),
        InspectCommand.Create(),
        RefineCommand.Create(),
        TuneCrfCommand.Create(),
        BenchCommand.Create(),
        OptimizeCommand.Create(),
        KeyCommand.Create(),
        WorkCommand.Create(),
        PullCommand.Create(),
    };

    /// <summary>Runs the program.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="output">Receives results; null is the standard output.</param>
    /// <param name="error">Receives messages; null is the standard error.</param>
    /// <returns>The exit code: 0 after success, 1 after an error, 2 after wrong arguments, 130 after Ctrl+C, 143 after
    /// SIGTERM.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter? output = null, TextWriter? error = null)
    {
        // System.CommandLine handles Ctrl+C only after a command releases its thread; these commands release it at
        // their end.
        InvocationConfiguration configuration = new()
        {
            EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        };
        using CancellationTokenSource stopped = new();
        int stoppedBy = Interrupted;
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        configuration.Output = output ?? configuration.Output;
        configuration.Error = error ?? configuration.Error;
        ParseResult parsed = Create().Parse(args);
        IReadOnlyList<string> errors = UsageErrors.Of(parsed);
        if (errors.Count > 0)
        {
            foreach (string message in errors)
            {
                await configuration.Error.WriteLineAsync(message).ConfigureAwait(false);
            }

            await configuration.Error.WriteLineAsync("Run the command with --help to see its options.")
                .ConfigureAwait(false);
            return BadUsage;
        }

        try
        {
            return await parsed.InvokeAsync(configuration, stopped.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await configuration.Error.WriteLineAsync("Cancelled.").ConfigureAwait(false);
            return stoppedBy;
        }
        catch (Exception e) when (IsExpected(e))
        {
            await configuration.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            if (e is UsageException)
            {
                return BadUsage;
            }

            return Failure;
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = !stopped.IsCancellationRequested; // a second signal ends the process at once
            stoppedBy = signal.Signal == PosixSignal.SIGTERM ? Terminated : Interrupted;
            stopped.Cancel();
        }
    }

    /// <summary>Whether the message explains the failure to the user. Any other exception is a defect and is shown
    /// with its stack.</summary>
    private static bool IsExpected(Exception e) => e is CommandException or SegmentationException or ManifestException
        or GpuRequiredException or OptionsValidationException or IOException or UnauthorizedAccessException;
}

/// <summary>A command failed; the message explains the failure to the user.</summary>
internal class CommandException(string message) : Exception(message);

/// <summary>The arguments are wrong in a way that the parser cannot find.</summary>
internal sealed class UsageException(string message) : CommandException(message);

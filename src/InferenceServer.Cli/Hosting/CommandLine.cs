using System.CommandLine;
using System.Runtime.InteropServices;
using InferenceServer.Cli.Bench;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Inspect;
using InferenceServer.Cli.Key;
using InferenceServer.Cli.Refine;
using InferenceServer.Cli.Segment;
using InferenceServer.Cli.TuneCrf;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Cli.Hosting;

/// <summary>The program: its commands, and what becomes of their failures.</summary>
internal static class CommandLine
{
    private const int Failure = 1;
    private const int BadUsage = 2;
    private const int Interrupted = 130; // as shells report a process that Ctrl+C ended
    private const int Terminated = 143; // and one that SIGTERM did

    public static RootCommand Create() => new("Semantic segmentation from the command line: image in, mask out.")
    {
        SegmentCommand.Create(),
        EvaluateCommand.Create(),
        InspectCommand.Create(),
        RefineCommand.Create(),
        TuneCrfCommand.Create(),
        BenchCommand.Create(),
        KeyCommand.Create(),
    };

    /// <summary>Runs the program.</summary>
    /// <param name="args">Its arguments.</param>
    /// <param name="output">Where results go, if not to the standard output.</param>
    /// <param name="error">Where messages go, if not to the standard error.</param>
    /// <returns>0 if all went well, 1 after an error, 2 after wrong arguments, 130 after Ctrl+C, 143 after SIGTERM.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter? output = null, TextWriter? error = null)
    {
        // System.CommandLine starts to listen for Ctrl+C once a command gives up its thread, which ours do only when they are done.
        InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
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

            await configuration.Error.WriteLineAsync("Run the command with --help to see what it takes.").ConfigureAwait(false);
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
            return e is UsageException ? BadUsage : Failure;
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = !stopped.IsCancellationRequested; // a second one ends the program, whatever it is at
            stoppedBy = signal.Signal == PosixSignal.SIGTERM ? Terminated : Interrupted;
            stopped.Cancel();
        }
    }

    /// <summary>Failures that have an explanation for the user; any other is a defect and shows its stack.</summary>
    private static bool IsExpected(Exception e) =>
        e is CommandException or SegmentationException or ManifestException or GpuRequiredException or OptionsValidationException or IOException or UnauthorizedAccessException;
}

/// <summary>A command cannot do what it was asked; the message is the whole explanation.</summary>
internal class CommandException(string message) : Exception(message);

/// <summary>The arguments are wrong in a way that only the command itself can see.</summary>
internal sealed class UsageException(string message) : CommandException(message);

using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Runs the program; what an operator got wrong ends it with one line and exit code 1, not with a trace and a core dump.</summary>
internal static class StartUp
{
    // Sources of exceptions that are about an address to listen at.
    private static readonly string[] Listeners = ["Microsoft.AspNetCore.Server.Kestrel.Core", "Microsoft.AspNetCore.Http", "System.Net.Sockets"];

    public static int Run(Action program)
    {
        try
        {
            program();
            return Environment.ExitCode;
        }
        catch (Exception e) when (Reason(e) is { } reason)
        {
            Console.Error.WriteLine("The server cannot start: " + reason);
            return 1;
        }
    }

    /// <summary>What the operator is told; null where it is the program's fault.</summary>
    internal static string? Reason(Exception e) => e switch
    {
        StartUpException or OptionsValidationException => e.Message,
        IOException { InnerException: AddressInUseException } => e.Message + " Choose another with --urls http://localhost:PORT.",
        InvalidDataException => Join(e.Message, e.InnerException), // a settings file that is no JSON
        FormatException or ArgumentOutOfRangeException or InvalidOperationException or SocketException when Listeners.Contains(e.Source) =>
            $"{e.Message} Check --urls, as in --urls http://localhost:8080.",
        // What the binder says of a value that it cannot read; it names the key.
        InvalidOperationException when Begins(e, "Failed to convert configuration value") => Join(e.Message, e.InnerException?.InnerException),
        // The same within a list or a dictionary, behind a sentence about the binder.
        InvalidOperationException when Begins(e, $"'{nameof(BinderOptions.ErrorOnUnknownConfiguration)}'") => e.InnerException?.Message ?? e.Message,
        _ => null,
    };

    private static bool Begins(Exception e, string text) => e.Message.StartsWith(text, StringComparison.Ordinal);

    private static string Join(string message, Exception? cause) => cause is null ? message : $"{message} {cause.Message}";
}

/// <summary>The program cannot start as it was told; the message is the whole explanation.</summary>
internal sealed class StartUpException(string message) : Exception(message);

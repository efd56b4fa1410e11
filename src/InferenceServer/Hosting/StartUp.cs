using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Runs the program. A wrong setting ends it with one line and exit code 1 instead of a stack trace.</summary>
internal static class StartUp
{
    // Sources of exceptions about addresses to listen at.
    private static readonly string[] Listeners =
        ["Microsoft.AspNetCore.Server.Kestrel.Core", "Microsoft.AspNetCore.Http", "System.Net.Sockets"];

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

    /// <summary>The message for the operator; null for a defect of the program.</summary>
    internal static string? Reason(Exception e) => e switch
    {
        StartUpException or OptionsValidationException => e.Message,
        IOException { InnerException: AddressInUseException } => e.Message + " Choose another with --urls http://localhost:PORT.",
        InvalidDataException => Join(e.Message, e.InnerException), // a settings file that is not JSON
        FormatException or ArgumentOutOfRangeException or InvalidOperationException or SocketException
            when Listeners.Contains(e.Source) => $"{e.Message} Check --urls, as in --urls http://localhost:8080.",
        // The binder's message about a value that it cannot read; it names the key.
        InvalidOperationException when Begins(e, "Failed to convert configuration value") => Join(
            e.Message, e.InnerException?.InnerException),
        // The same within a list or a dictionary, after a sentence about the binder.
        InvalidOperationException when Begins(e, $"'{nameof(BinderOptions.ErrorOnUnknownConfiguration)}'")
            => e.InnerException?.Message ?? e.Message,
        _ => null,
    };

    private static bool Begins(Exception e, string text) => e.Message.StartsWith(text, StringComparison.Ordinal);

    private static string Join(string message, Exception? cause)
    {
        if (cause is null)
        {
            return message;
        }

        return $"{message} {cause.Message}";
    }
}

/// <summary>A wrong argument or setting; the message explains it to the operator.</summary>
internal sealed class StartUpException(string message) : Exception(message);

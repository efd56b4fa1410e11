using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Runs the program; what an operator got wrong ends it with one line and exit code 1, not with a trace and a core dump.</summary>
internal static class StartUp
{
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
        OptionsValidationException => e.Message,
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } => e.Message + " Choose another with --urls http://localhost:PORT.",
        // What the binder says of a value that it cannot read; it names the key.
        InvalidOperationException when e.Message.StartsWith("Failed to convert configuration value", StringComparison.Ordinal) =>
            e.Message + (e.InnerException is { InnerException.Message: var why } ? " " + why : ""),
        // The same within a list or a dictionary, behind a sentence about the binder.
        InvalidOperationException when e.Message.StartsWith($"'{nameof(Microsoft.Extensions.Configuration.BinderOptions.ErrorOnUnknownConfiguration)}'", StringComparison.Ordinal) => e.InnerException?.Message ?? e.Message,
        _ => null,
    };
}

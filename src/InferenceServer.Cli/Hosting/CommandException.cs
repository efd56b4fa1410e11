namespace InferenceServer.Cli.Hosting;

/// <summary>A command cannot do what it was asked; the message is the whole explanation.</summary>
internal sealed class CommandException(string message) : Exception(message);

using System.CommandLine;
using System.Net;
using InferenceServer.Client;

namespace InferenceServer.Cli.Hosting;

/// <summary>The options of a command that may let a server do its work.</summary>
/// <param name="description">What the server does.</param>
internal sealed class ServerOptions(string description)
{
    /// <summary>The server's address.</summary>
    public Option<string?> Url { get; } = new("--server") { Description = description, HelpName = "URL" };

    /// <summary>The key.</summary>
    public Option<string?> Key { get; } = new("--key")
    {
        Description = "The key, where the server needs one. Default: the environment variable INFERENCE_SERVER_KEY.",
        HelpName = "KEY",
    };

    /// <summary>Whether a server is to do the work.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(Url) is not null;

    /// <summary>Makes a client of the server.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="retries">Most attempts after the first.</param>
    /// <param name="onRefused">Called before each wait; null for no call.</param>
    /// <exception cref="UsageException">The address or the key is wrong.</exception>
    public InferenceClient Connect(ParseResult parsed, int retries, Action<HttpStatusCode>? onRefused = null)
    {
        string url = parsed.GetValue(Url)!;
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? server) || server.Scheme is not ("http" or "https"))
        {
            throw new UsageException($"--server: expected a URL such as http://localhost:8080, got '{url}'.");
        }

        try
        {
            string? key = parsed.GetValue(Key) ?? Environment.GetEnvironmentVariable("INFERENCE_SERVER_KEY");
            return new InferenceClient(server, new InferenceClientOptions { Key = key, MaxRetries = retries, OnRefused = onRefused });
        }
        catch (ArgumentException)
        {
            throw new UsageException(
                "--key or INFERENCE_SERVER_KEY: "
                + "expected a key of printable ASCII characters, got another character, such as a line break.");
        }
    }
}

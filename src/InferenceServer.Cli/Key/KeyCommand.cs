using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using InferenceServer.Cli.Hosting;

namespace InferenceServer.Cli.Key;

/// <summary><c>key</c>: a new key for the server, and the hash that its configuration takes.</summary>
internal static class KeyCommand
{
    private const int Bytes = 32; // nobody guesses 256 bits, which is why a plain hash of them is enough

    public static Command Create()
    {
        Argument<string> name = new("name") { Description = "Whose key it is: what the log calls it.", HelpName = "NAME", DefaultValueFactory = _ => "NAME" };
        Option<string> scopes = new("--scopes") { Description = "What it opens: infer, admin, or both.", HelpName = "SCOPES", DefaultValueFactory = _ => "infer" };
        Command command = new("key", "Make a key for the server, and the hash of it that the server's configuration takes.") { name, scopes };
        command.SetAction(parsed => Write(Terminal.For(parsed), parsed.GetRequiredValue(name), parsed.GetRequiredValue(scopes)));
        return command;
    }

    private static void Write(Terminal terminal, string name, string scopes)
    {
        string key = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        terminal.Note("The key, for the client alone; it is shown this once:");
        terminal.Result(key);
        terminal.Note("For the server, in its environment:");
        terminal.Result($"Security__Keys__{name}__Hash=sha256:{hash}");
        terminal.Result($"Security__Keys__{name}__Scopes={scopes}");
    }
}

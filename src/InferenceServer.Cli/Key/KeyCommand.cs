using System.Buffers.Text;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using InferenceServer.Cli.Hosting;

namespace InferenceServer.Cli.Key;

/// <summary><c>key</c>: a new key for the server, and the hash that its configuration takes.</summary>
internal static partial class KeyCommand
{
    private const int Bytes = 32; // nobody guesses 256 bits, which is why a plain hash of them is enough

    public static Command Create()
    {
        Argument<string> name = new("name") { Description = "Whose key it is: what the log calls it.", HelpName = "NAME", DefaultValueFactory = _ => "NAME" };
        Option<string> scopes = new("--scopes") { Description = "What it opens: infer, admin, or both.", HelpName = "SCOPES", DefaultValueFactory = _ => "infer" };
        name.Validators.Add(result => Expect(result, Name(), result.GetValueOrDefault<string>(), "letters, digits, dots and hyphens, with single underscores between them"));
        scopes.Validators.Add(result => Expect(result, Scopes(), result.GetValueOrDefault<string>(), "infer, admin, or both with a comma between them"));
        Command command = new("key", "Make a key for the server, and the hash of it that the server's configuration takes.") { name, scopes };
        command.SetAction(parsed => Write(Terminal.For(parsed), parsed.GetRequiredValue(name), parsed.GetRequiredValue(scopes)));
        return command;
    }

    // The name becomes a part of a variable's name, where two underscores end it.
    [GeneratedRegex("^[A-Za-z0-9.-]+(_[A-Za-z0-9.-]+)*$")]
    private static partial Regex Name();

    [GeneratedRegex("^(infer|admin)( *, *(infer|admin))?$")]
    private static partial Regex Scopes();

    private static void Expect(SymbolResult result, Regex form, string given, string expected)
    {
        if (!form.IsMatch(given))
        {
            result.AddError($"'{given}': expected {expected}.");
        }
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

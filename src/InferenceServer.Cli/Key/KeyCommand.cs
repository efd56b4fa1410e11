using System.Buffers.Text;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using InferenceServer.Cli.Hosting;

namespace InferenceServer.Cli.Key;

/// <summary><c>key</c>: makes a key for a server, and the hash for its configuration.</summary>
internal static partial class KeyCommand
{
    private const int Bytes = 32; // 256 random bits cannot be guessed, so a plain hash is enough

    public static Command Create()
    {
        Argument<string> name = new("name")
        {
            Description = "The key's name in the configuration and in the log.",
            HelpName = "NAME",
            DefaultValueFactory = _ => "NAME",
        };
        Option<string> scopes = new("--scopes")
        {
            Description = "The key's scopes: infer, admin, or both.",
            HelpName = "SCOPES",
            DefaultValueFactory = _ => "infer",
        };
        const string NameForm = "NAME: expected letters, digits, dots and hyphens, with single underscores between them";
        const string ScopesForm = "--scopes: expected infer, admin, or both with a comma between them";
        name.Validators.Add(result => Expect(result, Name(), result.GetValueOrDefault<string>(), NameForm));
        scopes.Validators.Add(result => Expect(result, Scopes(), result.GetValueOrDefault<string>(), ScopesForm));
        Command command = new("key", "Make a key for a server, and the hash for the server's configuration.") { name, scopes };
        command.SetAction(
            parsed => Write(Terminal.For(parsed), parsed.GetRequiredValue(name), parsed.GetRequiredValue(scopes)));
        return command;
    }

    // The name becomes a part of an environment variable's name, in which two underscores separate parts.
    [GeneratedRegex("^[A-Za-z0-9.-]+(_[A-Za-z0-9.-]+)*$")]
    private static partial Regex Name();

    [GeneratedRegex("^(infer|admin)( *, *(infer|admin))?$")]
    private static partial Regex Scopes();

    private static void Expect(SymbolResult result, Regex form, string given, string expected)
    {
        if (!form.IsMatch(given))
        {
            result.AddError($"{expected}, got '{given}'.");
        }
    }

    private static void Write(Terminal terminal, string name, string scopes)
    {
        string key = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        terminal.Note("The key, for the client only. It is not stored and is shown only now:");
        terminal.Result(key);
        terminal.Note("For the server's environment:");
        terminal.Result($"Security__Keys__{name}__Hash=sha256:{hash}");
        terminal.Result($"Security__Keys__{name}__Scopes={scopes}");
    }
}

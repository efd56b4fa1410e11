using System.CommandLine;
using System.CommandLine.Parsing;
using InferenceServer.Runtime.Configuration;

namespace InferenceServer.Cli.Hosting;

/// <summary>The errors of a command line, with suggestions for misspelt words.</summary>
internal static class UsageErrors
{
    private const string Prefix = "--";

    /// <summary>One sentence for each error; none where the command can run.</summary>
    public static IReadOnlyList<string> Of(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        if (!command.TreatUnmatchedTokensAsErrors)
        {
            return [.. parsed.Errors.Select(e => e.Message)]; // the command checks them itself
        }

        string[] unknown = [.. UnknownOptions(parsed).Select(name => NoSuchOption(name, command))];
        if (unknown.Length > 0)
        {
            return unknown; // unknown options cause the other errors
        }

        if (command.Subcommands.Count > 0 && parsed.UnmatchedTokens is [var word, ..])
        {
            string[] commands = [.. command.Subcommands.Select(c => c.Name)];
            string suggestion = Suggestion.For(word, commands);
            return [$"There is no command '{word}'; use one of {string.Join(", ", commands)}.{suggestion}"];
        }

        return [.. parsed.Errors.Select(e => e.Message)];
    }

    // Where a command has a list of arguments, the parser reads a misspelt option as an argument; after "--" it is an
    // argument.
    private static IEnumerable<string> UnknownOptions(ParseResult parsed) => parsed.Tokens
        .TakeWhile(token => token.Type != TokenType.DoubleDash)
        .Where(token => token.Type == TokenType.Argument && token.Value.StartsWith(Prefix, StringComparison.Ordinal))
        .Select(token => token.Value.Split('=')[0]);

    private static string NoSuchOption(string name, Command command)
    {
        IEnumerable<string> known = command.Options.Select(option => option.Name).Append("--help")
            .Select(option => option[Prefix.Length..]);
        return $"There is no option '{name}' of {command.Name}.{Suggestion.For(name[Prefix.Length..], known, Prefix)}";
    }
}

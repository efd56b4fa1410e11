using System.CommandLine;
using System.CommandLine.Parsing;

namespace InferenceServer.Cli.Hosting;

/// <summary>An option that takes one of a few words.</summary>
internal static class ChoiceOption
{
    /// <summary>Creates the option; the first choice is the default, and must be the default value of its type, too.</summary>
    public static Option<T> Create<T>(string name, string description, params IReadOnlyList<(string Word, T Value)> choices)
        where T : struct, Enum
    {
        Option<T> option = new(name)
        {
            // A default value factory would show the value's name in the help, not the word to type.
            Description = $"{description} [default: {choices[0].Word}]",
            HelpName = string.Join('|', choices.Select(c => c.Word)),
            CustomParser = argument => Parse(argument, name, choices),
        };
        option.CompletionSources.Add([.. choices.Select(c => c.Word)]);
        return option;
    }

    private static T Parse<T>(ArgumentResult argument, string name, IReadOnlyList<(string Word, T Value)> choices)
        where T : struct, Enum
    {
        string word = argument.Tokens[0].Value;
        foreach ((string candidate, T value) in choices)
        {
            if (candidate == word)
            {
                return value;
            }
        }

        argument.AddError($"{name}: '{word}' is none of {string.Join(", ", choices.Select(c => c.Word))}.");
        return default;
    }
}

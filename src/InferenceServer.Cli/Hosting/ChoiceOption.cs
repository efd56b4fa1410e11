using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

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

/// <summary>An option that takes a number of a range.</summary>
internal static class NumberOption
{
    /// <summary>Creates the option; both bounds belong to the range.</summary>
    public static Option<T> Create<T>(string name, string description, T usual, T least, T most)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => usual,

            // Not a validator: those run on text that is no number, too, and throw when they ask for its value.
            CustomParser = argument =>
            {
                string text = argument.Tokens[0].Value;
                if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && value >= least && value <= most)
                {
                    return value;
                }

                argument.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}: '{text}' is none of {least} to {most}."));
                return usual;
            },
        };
}

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace InferenceServer.Cli.Hosting;

/// <summary>An option with a few words as values.</summary>
internal static class ChoiceOption
{
    /// <summary>Creates the option. The first choice is the default, and must be the default value of
    /// <typeparamref name="T"/>.</summary>
    public static Option<T> Create<T>(
        string name, string description, params IReadOnlyList<(string Word, T Value)> choices)
        where T : struct, Enum
    {
        Option<T> option = new(name)
        {
            // A default value factory would show the enum's name in the help instead of the word.
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

        argument.AddError($"{name}: expected {string.Join(" or ", choices.Select(c => c.Word))}, got '{word}'.");
        return default;
    }
}

/// <summary>An option with a number in a range as value.</summary>
internal static class NumberOption
{
    /// <summary>Creates the option. The range includes both bounds.</summary>
    public static Option<T> Create<T>(string name, string description, T usual, T least, T most)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => usual,

            // Not a validator: a validator runs also on text that is not a number, and throws when it reads the value.
            CustomParser = argument =>
            {
                string text = argument.Tokens[0].Value;
                if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && value >= least && value <= most)
                {
                    return value;
                }

                argument.AddError(
                    string.Create(CultureInfo.InvariantCulture, $"{name}: expected a number from {least} to {most}, got '{text}'."));
                return usual;
            },
        };
}

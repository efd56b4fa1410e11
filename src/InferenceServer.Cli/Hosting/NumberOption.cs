using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace InferenceServer.Cli.Hosting;

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

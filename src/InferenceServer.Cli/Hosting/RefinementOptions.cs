using System.CommandLine;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.Hosting;

/// <summary>The options of every command that may refine masks.</summary>
internal sealed class RefinementOptions
{
    private readonly Option<RefineChoice> _refine = ChoiceOption.Create(
        "--refine", "Sharpen masks with a fully connected CRF, or do not, or as the model's manifest says.",
        ("model", RefineChoice.Model), ("crf", RefineChoice.Crf), ("none", RefineChoice.None));

    private readonly CrfParameterOptions _parameters;

    private RefinementOptions(Command command)
    {
        command.Options.Add(_refine);
        _parameters = CrfParameterOptions.AddTo(command, prefix: "--crf-");
    }

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    public static RefinementOptions AddTo(Command command) => new(command);

    /// <summary>What was asked for; the limits are the runtime's to check.</summary>
    public Refinement Read(ParseResult parsed) => new(Wanted(parsed.GetValue(_refine)), _parameters.Read(parsed));

    private static bool? Wanted(RefineChoice choice) => choice == RefineChoice.Model ? null : choice == RefineChoice.Crf;
}

/// <summary>What a command wants of the CRF.</summary>
/// <param name="Refine">Whether masks are refined; null leaves that to the model's manifest.</param>
/// <param name="Crf">Parameters that differ from the manifest's.</param>
internal sealed record Refinement(bool? Refine, CrfOverrides Crf);

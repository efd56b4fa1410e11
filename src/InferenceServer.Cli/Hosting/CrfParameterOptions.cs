using System.CommandLine;
using DenseCrf;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.Hosting;

/// <summary>The options of every command that sets parameters of the CRF, named as the server's query parameters.</summary>
internal sealed class CrfParameterOptions
{
    private readonly Option<int?> _iterations;
    private readonly Option<float?> _gaussianWeight, _gaussianXy, _bilateralWeight, _bilateralXy, _bilateralRgb;
    private readonly Option<CrfQuality> _quality;

    private CrfParameterOptions(Command command, string prefix)
    {
        _iterations = new(prefix + "iterations") { Description = "Mean-field iterations.", HelpName = "N" };
        _gaussianWeight = new(prefix + "gaussian-weight") { Description = "Weight of the smoothness kernel; 0 leaves it out.", HelpName = "W" };
        _gaussianXy = new(prefix + "gaussian-xy") { Description = "Its standard deviation, in pixels of the image.", HelpName = "S" };
        _bilateralWeight = new(prefix + "bilateral-weight") { Description = "Weight of the appearance kernel; 0 leaves it out.", HelpName = "W" };
        _bilateralXy = new(prefix + "bilateral-xy") { Description = "Its standard deviation, in pixels of the image.", HelpName = "S" };
        _bilateralRgb = new(prefix + "bilateral-rgb") { Description = "Its standard deviation, in 8-bit steps of colour.", HelpName = "S" };
        _quality = ChoiceOption.Create(
            prefix + "quality", "How closely the refinement follows the mathematics.", ("exact", CrfQuality.Exact), ("fast", CrfQuality.Fast));
        foreach (Option option in (Option[])[_iterations, _gaussianWeight, _gaussianXy, _bilateralWeight, _bilateralXy, _bilateralRgb, _quality])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    /// <param name="command">The command.</param>
    /// <param name="prefix">What their names begin with: <c>--crf-</c> where the command is about other things, too.</param>
    public static CrfParameterOptions AddTo(Command command, string prefix) => new(command, prefix);

    /// <summary>What was asked for; the limits are the runtime's to check.</summary>
    public CrfOverrides Read(ParseResult parsed) => new()
    {
        Iterations = parsed.GetValue(_iterations),
        GaussianWeight = parsed.GetValue(_gaussianWeight),
        GaussianXy = parsed.GetValue(_gaussianXy),
        BilateralWeight = parsed.GetValue(_bilateralWeight),
        BilateralXy = parsed.GetValue(_bilateralXy),
        BilateralRgb = parsed.GetValue(_bilateralRgb),
        Quality = parsed.GetValue(_quality),
    };
}

using System.CommandLine;
using InferenceServer.Kernels.Crf;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.Hosting;

/// <summary>The options of every command that may refine masks, named as the server's query parameters.</summary>
internal sealed class RefinementOptions
{
    private readonly Option<RefineChoice> _refine = ChoiceOption.Create(
        "--refine", "Sharpen masks with a fully connected CRF, or do not, or as the model's manifest says.",
        ("model", RefineChoice.Model), ("crf", RefineChoice.Crf), ("none", RefineChoice.None));

    private readonly Option<int?> _iterations = new("--crf-iterations") { Description = "Mean-field iterations.", HelpName = "N" };
    private readonly Option<float?> _gaussianWeight = new("--crf-gaussian-weight") { Description = "Weight of the smoothness kernel; 0 leaves it out.", HelpName = "W" };
    private readonly Option<float?> _gaussianXy = new("--crf-gaussian-xy") { Description = "Its standard deviation, in pixels of the image.", HelpName = "S" };
    private readonly Option<float?> _bilateralWeight = new("--crf-bilateral-weight") { Description = "Weight of the appearance kernel; 0 leaves it out.", HelpName = "W" };
    private readonly Option<float?> _bilateralXy = new("--crf-bilateral-xy") { Description = "Its standard deviation, in pixels of the image.", HelpName = "S" };
    private readonly Option<float?> _bilateralRgb = new("--crf-bilateral-rgb") { Description = "Its standard deviation, in 8-bit steps of colour.", HelpName = "S" };
    private readonly Option<CrfQuality> _quality = ChoiceOption.Create(
        "--crf-quality", "How closely the refinement follows the mathematics.", ("exact", CrfQuality.Exact), ("fast", CrfQuality.Fast));

    private RefinementOptions(Command command)
    {
        foreach (Option option in (Option[])[_refine, _iterations, _gaussianWeight, _gaussianXy, _bilateralWeight, _bilateralXy, _bilateralRgb, _quality])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    public static RefinementOptions AddTo(Command command) => new(command);

    /// <summary>What was asked for; the limits are the runtime's to check.</summary>
    public Refinement Read(ParseResult parsed) => new(Wanted(parsed.GetValue(_refine)), new CrfOverrides
    {
        Iterations = parsed.GetValue(_iterations),
        GaussianWeight = parsed.GetValue(_gaussianWeight),
        GaussianXy = parsed.GetValue(_gaussianXy),
        BilateralWeight = parsed.GetValue(_bilateralWeight),
        BilateralXy = parsed.GetValue(_bilateralXy),
        BilateralRgb = parsed.GetValue(_bilateralRgb),
        Quality = parsed.GetValue(_quality),
    });

    private static bool? Wanted(RefineChoice choice) => choice == RefineChoice.Model ? null : choice == RefineChoice.Crf;
}

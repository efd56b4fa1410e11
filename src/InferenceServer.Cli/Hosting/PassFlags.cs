using System.CommandLine;
using System.CommandLine.Parsing;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Cli.Hosting;

/// <summary>The options of every command that may run a photograph in several passes, named as the server's query parameters.</summary>
internal sealed class PassFlags
{
    private readonly Option<InferenceMode?> _mode = Words<InferenceMode>(
        "--mode", "Run each image in one piece, or in tiles that overlap.", ("whole", InferenceMode.Whole), ("slide", InferenceMode.Slide));

    private readonly Option<ResizeChoice> _resize = ChoiceOption.Create(
        "--resize", "Resize images as the model's manifest says, or not at all.", ("model", ResizeChoice.Model), ("none", ResizeChoice.None));

    private readonly Option<ImageSize?> _crop = new("--crop")
    {
        Description = "Size of a tile: " + PassText.CropForm + ".",
        HelpName = "SIZE",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = argument => PassText.TryCrop(Text(argument), out ImageSize crop) ? crop : Fail<ImageSize>(argument, PassText.CropForm),
    };

    private readonly Option<double?> _strideRate = new("--stride-rate") { Description = "Distance of tiles as a share of the crop, above 0 to 1.", HelpName = "R" };

    private readonly Option<IReadOnlyList<double>?> _scales = new("--scales")
    {
        Description = "Run each image at these scales: " + PassText.ScalesForm + ".",
        HelpName = "LIST",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = argument => PassText.TryScales(Text(argument), out IReadOnlyList<double>? scales) ? scales : Fail(argument),
    };

    private readonly Option<bool?> _flip = new("--flip") { Description = "Run each image mirrored, too.", Arity = ArgumentArity.ZeroOrOne };

    private readonly Option<FuseMode?> _fuse = Words<FuseMode>(
        "--fuse", "How passes become one.", ("mean_softmax", FuseMode.MeanSoftmax), ("sum_logits", FuseMode.SumLogits), ("max_logits", FuseMode.MaxLogits));

    private PassFlags(Command command)
    {
        foreach (Option option in (Option[])[_mode, _resize, _crop, _strideRate, _scales, _flip, _fuse])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    public static PassFlags AddTo(Command command) => new(command);

    /// <summary>What was asked for; the limits are the runtime's to check.</summary>
    public PassOverrides Read(ParseResult parsed) => new()
    {
        Mode = parsed.GetValue(_mode),
        KeepSize = parsed.GetValue(_resize) == ResizeChoice.None,
        Crop = parsed.GetValue(_crop),
        StrideRate = parsed.GetValue(_strideRate),
        Scales = parsed.GetValue(_scales),
        Flip = parsed.GetValue(_flip),
        Fuse = parsed.GetValue(_fuse),
    };

    private static Option<T?> Words<T>(string name, string description, params IReadOnlyList<(string Word, T Value)> choices)
        where T : struct
    {
        Option<T?> option = new(name)
        {
            Description = $"{description} [default: as the model's manifest says]",
            HelpName = string.Join('|', choices.Select(c => c.Word)),
            Arity = ArgumentArity.ExactlyOne, // else its parser runs where the option was not given
            CustomParser = argument => choices.Where(c => c.Word == Text(argument)).Select(c => (T?)c.Value).FirstOrDefault()
                ?? Fail<T>(argument, string.Join(", ", choices.Select(c => c.Word))),
        };
        option.CompletionSources.Add([.. choices.Select(c => c.Word)]);
        return option;
    }

    private static string Text(ArgumentResult argument) => argument.Tokens[0].Value;

    private static T? Fail<T>(ArgumentResult argument, string expected)
        where T : struct
    {
        Complain(argument, expected);
        return null;
    }

    private static IReadOnlyList<double>? Fail(ArgumentResult argument)
    {
        Complain(argument, PassText.ScalesForm);
        return null;
    }

    private static void Complain(ArgumentResult argument, string expected) =>
        argument.AddError($"{((OptionResult)argument.Parent!).Option.Name}: expected {expected}, found '{Text(argument)}'.");
}

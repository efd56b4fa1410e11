using System.CommandLine;
using System.CommandLine.Parsing;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Parameters;

namespace InferenceServer.Cli.Hosting;

/// <summary>Request parameters as options of a command: <c>crf.gaussian.weight</c> is
/// <c>--crf-gaussian-weight</c>.</summary>
internal sealed class ParameterOptions
{
    private const string CrfPrefix = "crf.";
    private readonly List<(RequestParameter Parameter, Option<string?> Option)> _options = [];

    private ParameterOptions(
        Command command, string hiddenPrefix, IEnumerable<RequestParameter> parameters, bool usesModel = true)
    {
        foreach (RequestParameter parameter in parameters)
        {
            string? usual = usesModel ? parameter.Default : parameter.Default ?? parameter.DefaultWithoutModel;
            Option<string?> option = Create(parameter, hiddenPrefix, usual ?? "the model's manifest");
            _options.Add((parameter, option));
            command.Options.Add(option);
        }
    }

    /// <summary>Adds an option for each parameter of the given groups.</summary>
    /// <param name="command">The command.</param>
    /// <param name="groups">The groups.</param>
    public static ParameterOptions AddTo(Command command, params ParameterGroup[] groups) =>
        new(command, hiddenPrefix: "", RequestParameters.All.Where(p => groups.Contains(p.Group)));

    /// <summary>Adds the parameters of the CRF without their prefix, for a command that uses the CRF alone.</summary>
    /// <param name="command">The command.</param>
    public static ParameterOptions AddCrfTo(Command command) => new(command, CrfPrefix, RequestParameters.All.Where(IsOfCrf));

    /// <summary>Adds the parameters of the CRF without their prefix, and those of scores in a file.</summary>
    /// <param name="command">The command.</param>
    public static ParameterOptions AddScoresTo(Command command) => new(
        command, CrfPrefix, RequestParameters.OfRefinement.Where(
            p => IsOfCrf(p) || (p.Group == ParameterGroup.Scores && p.Name != "classes")), usesModel: false);

    private static bool IsOfCrf(RequestParameter parameter) => parameter.Name.StartsWith(CrfPrefix, StringComparison.Ordinal);

    /// <summary>The values that the user typed, by parameter name.</summary>
    public IReadOnlyDictionary<string, string> Texts(ParseResult parsed) => _options
        .Select(o => (o.Parameter.Name, Text: parsed.GetValue(o.Option)))
        .Where(o => o.Text is not null)
        .ToDictionary(o => o.Name, o => o.Text!);

    /// <summary>The values that the user typed, as settings. The runtime checks their limits.</summary>
    public SegmentSettings Read(ParseResult parsed) => _options.Aggregate(
        SegmentSettings.Default,
        (settings, o) => parsed.GetValue(o.Option) is { } text ? o.Parameter.Apply(settings, text) : settings);

    private static Option<string?> Create(RequestParameter parameter, string hiddenPrefix, string usual)
    {
        int hidden = parameter.Name.StartsWith(hiddenPrefix, StringComparison.Ordinal) ? hiddenPrefix.Length : 0;
        string name = "--" + parameter.Name[hidden..].Replace('.', '-').Replace('_', '-');
        Option<string?> option = new(name)
        {
            Description = $"{parameter.Description} [default: {usual}]",
            HelpName = parameter.Words.Count > 0 ? string.Join('|', parameter.Words) : parameter.Type.ToString().ToUpperInvariant(),
            Arity = parameter.Type == ParameterType.Flag ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
            CustomParser = argument =>
            {
                if (argument.Parent is OptionResult { Implicit: true })
                {
                    return null; // the option was not given
                }

                string text = argument.Tokens.Count > 0 ? argument.Tokens[0].Value : "true"; // a flag without a value
                try
                {
                    parameter.Apply(SegmentSettings.Default, text, name);
                    return text;
                }
                catch (SegmentationException e)
                {
                    argument.AddError(e.Message);
                    return null;
                }
            },
        };
        option.CompletionSources.Add([.. parameter.Words]);
        return option;
    }
}

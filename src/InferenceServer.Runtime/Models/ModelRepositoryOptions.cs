using System.ComponentModel.DataAnnotations;
using System.Globalization;
using InferenceServer.Runtime.Pulling;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>The folder of models, the default model, and the detection of changes; section <c>Models</c>.</summary>
public sealed class ModelRepositoryOptions
{
    /// <summary>The folder with one folder for each model, or the place that models are pulled from:
    /// <c>s3://bucket/prefix</c> or <c>hf://owner/name[@revision]</c>. A relative path starts at the working directory.
    /// Default <c>models</c>.</summary>
    [Required]
    public string Path { get; set; } = "models";

    /// <summary>The model's name where <c>Path</c> is the folder of one model, for orchestrators that choose the folder's
    /// name. Default: the folder's name.</summary>
    [RegularExpression("^[^/\\\\\\p{Cc}]{1,255}$")]
    public string? Name { get; set; }

    /// <summary>The folder that keeps pulled models; several servers may share one. Default: below
    /// <c>XDG_CACHE_HOME</c>, <c>~/.cache</c>, <c>%LOCALAPPDATA%</c> or the temporary folder, in
    /// <c>inference-server/models</c>.</summary>
    public string? Cache { get; set; }

    /// <summary>The model for requests that name none. Default: the only model, where there is only one.</summary>
    public string? Default { get; set; }

    /// <summary>The models that must be loaded before the server is ready. Default: the default model; without one,
    /// any model.</summary>
    public IList<string> Required { get; } = [];

    /// <summary>The versions of each model that serve at the same time: <c>latest</c>, <c>all</c>, or a number of the
    /// newest versions. Default latest.</summary>
    [Required, RegularExpression(VersionPolicy.Pattern)]
    public string Versions { get; set; } = "latest";

    /// <summary>How the server detects changes in the folder: not at all, by polling, or by file events and polling.
    /// Default auto.</summary>
    [EnumDataType(typeof(WatchMode))]
    public WatchMode Watch { get; set; } = WatchMode.Auto;

    /// <summary>Interval of polling. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Time without changes before files are loaded, so that incomplete files are not loaded. Default 1
    /// s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan SettleTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest time to load one version of a model, with its trial and warm-up runs. Then the version is given up
    /// until its files change or an operator loads the model. Default 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Whether a model runs at its usual sizes before it serves; otherwise the first requests take longer. A trial
    /// run checks every model in any case. Default true.</summary>
    public bool WarmUp { get; set; } = true;
}

/// <summary>How the server detects changes in the folder of models.</summary>
public enum WatchMode
{
    /// <summary>Not at all; the API still loads and unloads.</summary>
    Off,

    /// <summary>By polling alone; for machines with few file watches.</summary>
    Poll,

    /// <summary>By the system's file events, and by polling where no events arrive, such as on network
    /// volumes.</summary>
    Auto,
}

/// <summary>How many versions of a model serve at the same time.</summary>
internal static class VersionPolicy
{
    /// <summary>The legal values of <c>Models:Versions</c>.</summary>
    public const string Pattern = "^([Ll]atest|[Aa]ll|[1-9][0-9]{0,3})$";

    /// <summary>The number of versions of a legal value; latest is one.</summary>
    public static int Count(string policy) => policy.ToUpperInvariant() switch
    {
        "LATEST" => 1,
        "ALL" => int.MaxValue,
        var number => int.Parse(number, CultureInfo.InvariantCulture),
    };
}

/// <summary>Refuses a place that models cannot be pulled from.</summary>
internal sealed class ModelPlaceValidator(string path) : IValidateOptions<ModelRepositoryOptions>
{
    public ValidateOptionsResult Validate(string? name, ModelRepositoryOptions options)
    {
        if (ModelPlace.IsRemote(options.Path) && !ModelPlace.TryParse(options.Path, out _, out string? problem))
        {
            return ValidateOptionsResult.Fail($"{path}Models:Path: {problem}");
        }

        return ValidateOptionsResult.Success;
    }
}

[OptionsValidator]
internal sealed partial class ModelRepositoryOptionsValidator : IValidateOptions<ModelRepositoryOptions>;

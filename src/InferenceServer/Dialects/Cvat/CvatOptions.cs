using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.Cvat;

/// <summary>Serving CVAT; section <c>Cvat</c>.</summary>
public sealed class CvatOptions
{
    /// <summary>A path before those of the dashboard that CVAT asks, for a proxy that strips none; CVAT itself knows only the root. Default none.</summary>
    [RegularExpression("^(/[A-Za-z0-9._~-]+)*$", ErrorMessage = "{0}: expected a path such as /cvat, without a slash at its end.")]
    public string Prefix { get; set; } = "";

    /// <summary>What becomes one mask: Class or Component. Default Class.</summary>
    public CvatMasks Masks { get; set; } = CvatMasks.Class;

    /// <summary>Masks with fewer pixels are left out; at least 1. Default 1.</summary>
    [Range(1, int.MaxValue)]
    public int MinPixels { get; set; } = 1;
}

[OptionsValidator]
internal sealed partial class CvatOptionsValidator : IValidateOptions<CvatOptions>;

/// <summary>Wires what serves CVAT.</summary>
internal static class CvatSetup
{
    public static void AddCvat(this IServiceCollection services) =>
        services.AddSection("Cvat", new CvatOptionsValidator());
}

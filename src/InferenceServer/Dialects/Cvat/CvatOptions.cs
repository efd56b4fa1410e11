using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.Cvat;

/// <summary>The routes for CVAT; section <c>Cvat</c>.</summary>
public sealed class CvatOptions
{
    /// <summary>A path before <c>/api</c>, for a proxy that forwards a prefix. CVAT itself asks at the root. Default
    /// none.</summary>
    [RegularExpression("^(/[A-Za-z0-9._~-]+)*$", ErrorMessage = "{0}: expected a path such as /cvat, without a slash at its end.")]
    public string Prefix { get; set; } = "";

    /// <summary>The pixels of one mask: all pixels of a class, or a connected part of them. Default Class.</summary>
    public CvatMasks Masks { get; set; } = CvatMasks.Class;

    /// <summary>Masks with fewer pixels are left out. Default 1.</summary>
    [Range(1, int.MaxValue)]
    public int MinPixels { get; set; } = 1;
}

[OptionsValidator]
internal sealed partial class CvatOptionsValidator : IValidateOptions<CvatOptions>;

/// <summary>Registers the options for CVAT.</summary>
internal static class CvatSetup
{
    public static void AddCvat(this IServiceCollection services) =>
        services.AddSection("Cvat", new CvatOptionsValidator());
}

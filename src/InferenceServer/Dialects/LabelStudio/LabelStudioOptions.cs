using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Serving Label Studio; section <c>LabelStudio</c>.</summary>
public sealed class LabelStudioOptions
{
    /// <summary>Where Label Studio is, such as <c>http://label-studio:8080</c>: what it uploads is fetched from there. Default none.</summary>
    [RegularExpression(@"^(https?://[^/]+(/.*)?)?$", ErrorMessage = "{0}: expected a URL such as http://label-studio:8080.")]
    public string? Url { get; set; }

    /// <summary>An access token of Label Studio, sent to <see cref="Url"/> only. Default none.</summary>
    public string? AccessToken { get; set; }

    /// <summary>How far, in pixels, polygons may stray from the mask, 0 to 1000. Default 1.</summary>
    [Range(0.0, 1000.0)]
    public double Tolerance { get; set; } = 1;
}

[OptionsValidator]
internal sealed partial class LabelStudioOptionsValidator : IValidateOptions<LabelStudioOptions>;

/// <summary>Wires what serves Label Studio.</summary>
internal static class LabelStudioSetup
{
    public static void AddLabelStudio(this IServiceCollection services)
    {
        services.AddSection("LabelStudio", new LabelStudioOptionsValidator());
        services.AddSingleton<TaskImages>();
        services.AddSingleton<TaskPredictor>();
    }
}

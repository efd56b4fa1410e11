using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>The connection to Label Studio; section <c>LabelStudio</c>.</summary>
public sealed class LabelStudioOptions
{
    /// <summary>The URL of Label Studio, such as <c>http://label-studio:8080</c> or <c>https://example.org/ls</c>. Uploaded
    /// images, and those of its storages, are fetched from there. Default none.</summary>
    [RegularExpression(@"^(https?://[^/]+(/.*)?)?$", ErrorMessage = "{0}: expected a URL such as http://label-studio:8080.")]
    public string? Url { get; set; }

    /// <summary>A personal access token, or a legacy token, of a Label Studio user who may see the tasks; sent to <see
    /// cref="Url"/> only. Default none.</summary>
    public string? AccessToken { get; set; }

    /// <summary>Largest distance in pixels between polygons and the mask. Default 1.</summary>
    [Range(0.0, 1000.0)]
    public double Tolerance { get; set; } = 1;
}

[OptionsValidator]
internal sealed partial class LabelStudioOptionsValidator : IValidateOptions<LabelStudioOptions>;

/// <summary>Registers the services for Label Studio.</summary>
internal static class LabelStudioSetup
{
    public static void AddLabelStudio(this IServiceCollection services)
    {
        services.AddSection("LabelStudio", new LabelStudioOptionsValidator());
        services.AddSingleton<TaskImages>();
        services.AddSingleton<TaskPredictor>();
    }
}

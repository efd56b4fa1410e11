using System.Collections;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Configuration;

/// <summary>A section of the configuration and the class of its options; registered once for each section.</summary>
/// <param name="Name">The section's name.</param>
/// <param name="Options">The class of the options.</param>
internal sealed record BoundSection(string Name, Type Options);

/// <summary>Binds sections of the configuration to options.</summary>
internal static class OptionsSection
{
    /// <summary>Binds options to their section and checks them when the host starts; messages name the key. An unknown
    /// key is an error, because a misspelt key would leave the default in force.</summary>
    /// <param name="services">The services that the options are added to.</param>
    /// <param name="name">The section's name.</param>
    /// <param name="validator">Checks the values.</param>
    public static void AddSection<TOptions>(this IServiceCollection services, string name, IValidateOptions<TOptions> validator)
        where TOptions : class
    {
        services.AddOptions<TOptions>()
            .Configure<IConfiguration>((options, configuration) => Bind(configuration.GetSection(name), options))
            .ValidateOnStart();
        services.AddSingleton(new BoundSection(name, typeof(TOptions)));
        services.AddSingleton<IValidateOptions<TOptions>>(new SectionValidator<TOptions>(name, validator));
    }

    /// <summary>Binds options whose members are sections. The root of the configuration may have other sections; a
    /// section may not.</summary>
    public static void Bind(IConfiguration configuration, SegmentationOptions options)
    {
        if (configuration is IConfigurationSection section)
        {
            Bind(section, (object)options);
            return;
        }

        foreach (PropertyInfo part in options.GetType().GetProperties().Where(part => part.PropertyType.IsClass))
        {
            Bind(configuration.GetSection(part.Name), part.GetValue(options)!);
        }
    }

    private static void Bind(IConfigurationSection section, object options)
    {
        string[] unknown = [.. Unknown(section, options.GetType())];
        if (unknown.Length > 0)
        {
            throw new OptionsValidationException(section.Path, options.GetType(), unknown);
        }

        // Without this setting, the binder skips unreadable items of a list or a dictionary.
        section.Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
    }

    private static IEnumerable<string> Unknown(IConfigurationSection section, Type type)
    {
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IDictionary<,>))
        {
            return section.GetChildren().SelectMany(child => Unknown(child, type.GetGenericArguments()[1]));
        }

        if (type.IsValueType || type.IsAssignableTo(typeof(IEnumerable)))
        {
            return [];
        }

        PropertyInfo[] options = type.GetProperties();
        return section.GetChildren().SelectMany(child =>
            Array.Find(options, option => option.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase)) is { } known
                ? Unknown(child, known.PropertyType)
                : [NoSuchOption(child, section.Path, [.. options.Select(option => option.Name)])]);
    }

    private static string NoSuchOption(IConfigurationSection option, string section, string[] options)
    {
        string suggestion = Suggestion.For(option.Key, options, prefix: section + ":");
        return $"{option.Path}: there is no such option; {section} has {string.Join(", ", options)}.{suggestion}";
    }
}

/// <summary>Lets a generated validator name the key of the configuration, such as <c>Decoding:MaxPixels</c>, instead
/// of the class.</summary>
internal sealed class SectionValidator<TOptions>(string section, IValidateOptions<TOptions> validator) : IValidateOptions<TOptions>
    where TOptions : class
{
    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        // Generated validators write the name of the options and a full stop before the property.
        ValidateOptionsResult result = validator.Validate(section, options);
        if (result.Failed)
        {
            IEnumerable<string> named = result.Failures.Select(f => f.Replace($"{section}.", $"{section}:", StringComparison.Ordinal));
            return ValidateOptionsResult.Fail(named);
        }

        return result;
    }
}

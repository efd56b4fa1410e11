using System.Collections;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Configuration;

/// <summary>A section that options are bound to; a service for each.</summary>
/// <param name="Name">The section's name.</param>
/// <param name="Options">The class of the options.</param>
internal sealed record BoundSection(string Name, Type Options);

/// <summary>A section of the configuration and the options that it becomes.</summary>
internal static class OptionsSection
{
    /// <summary>Binds options to their section and checks them when the host starts, with messages that name the key.
    /// A key that there is no option for is an error: misspelt, it would leave a default in force.</summary>
    /// <param name="services">Get the options.</param>
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

    /// <summary>Fills options whose members are sections. At the root of the configuration there may be other
    /// sections; within a section there may not.</summary>
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

        // Otherwise the binder leaves out what it cannot read of a list or a dictionary.
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

/// <summary>Lets a generated validator name the key of the configuration, such as <c>Decoding:MaxPixels</c>, where it
/// would name the class.</summary>
internal sealed class SectionValidator<TOptions>(string section, IValidateOptions<TOptions> validator) : IValidateOptions<TOptions>
    where TOptions : class
{
    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        // Generated validators put the name of the options before the property, with a full stop.
        ValidateOptionsResult result = validator.Validate(section, options);
        if (result.Failed)
        {
            IEnumerable<string> named = result.Failures.Select(f => f.Replace($"{section}.", $"{section}:", StringComparison.Ordinal));
            return ValidateOptionsResult.Fail(named);
        }

        return result;
    }
}

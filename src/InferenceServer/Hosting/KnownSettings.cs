using System.Collections;
using System.Reflection;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Configuration.Json;

namespace InferenceServer.Hosting;

/// <summary>Stops the start at an unknown setting: a misspelt setting would leave a default in force, such as a server
/// without keys.</summary>
internal static class KnownSettings
{
    private const char Separator = ':';

    // Read by the framework and the packages, beside the keys of WebHostDefaults.
    private static readonly string[] OfPackages =
        ["Logging", "Serilog", "Kestrel", "AllowedHosts", "hostBuilder", "https_port", "forwardedHeaders_enabled", "$schema"];

    // The latter is given by Microsoft.AspNetCore.Mvc.Testing to a server in a test or in the fuzzer.
    private static readonly string[] PackagePrefixes = ["OTEL_", "TEST_CONTENTROOT_"];

    private static readonly string[] HostPrefixes = ["ASPNETCORE_", "DOTNET_"];

    /// <summary>The sections of the options, in the order of their registration.</summary>
    public static IReadOnlyList<BoundSection> Sections(IServiceCollection services) =>
        [.. services.Select(service => service.ImplementationInstance).OfType<BoundSection>()];

    /// <summary>Checks the first part of each key: in settings files, in the environment and on the command line.
    /// Each section checks the rest.</summary>
    /// <exception cref="StartUpException">A key is unknown; the message suggests a known key.</exception>
    public static void RefuseUnknownSettings(this WebApplicationBuilder builder, Arguments arguments)
    {
        string[] sections = [.. Sections(builder.Services).Select(section => section.Name)];
        string[] known = [.. sections, .. OfPackages, .. HostKeys()];
        string[] unknown =
        [
            .. from file in ((IConfigurationRoot)builder.Configuration).Providers.OfType<JsonConfigurationProvider>()
               from key in file.GetChildKeys([], parentPath: null).Distinct()
               where !IsKnown(key)
               select $"{file.Source.Path}: {Explain(key)}",
            .. from key in arguments.Keys
               where !IsKnown(key)
               select $"--{key}: {Explain(key)}",
            .. from variable in Environment.GetEnvironmentVariables().Keys.Cast<string>()
               let key = variable.Replace("__", ":", StringComparison.Ordinal)
               where key.Contains(Separator) && !IsKnown(key) && !HostPrefixes.Any(prefix => StartsWith(key, prefix))
               where Suggestion.Nearest(First(key), known) is not null // other variables belong to other programs
               select $"the environment variable {variable}: {Explain(key)}",
        ];
        if (unknown.Length > 0)
        {
            throw new StartUpException(string.Join(' ', unknown));
        }

        bool IsKnown(string key) =>
            known.Contains(First(key), StringComparer.OrdinalIgnoreCase) || PackagePrefixes.Any(prefix => StartsWith(key, prefix));

        string Explain(string key)
        {
            string suggestion = Suggestion.For(First(key), known);
            return $"there is no section '{First(key)}'." +
                (suggestion.Length > 0 ? suggestion : $" There are {string.Join(", ", sections)}.");
        }
    }

    private static IEnumerable<string> HostKeys() => typeof(WebHostDefaults)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => field.GetValue(null))
        .OfType<string>();

    private static string First(string key) => key.Split(Separator)[0];

    private static bool StartsWith(string key, string prefix) => key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase);
}

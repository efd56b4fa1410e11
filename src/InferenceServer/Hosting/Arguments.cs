using System.Reflection;
using InferenceServer.Health;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Configuration;

namespace InferenceServer.Hosting;

/// <summary>The program's arguments: settings for the configuration, or a request for help or the version.</summary>
internal sealed class Arguments
{
    private bool _asksForHelp;
    private bool _asksForVersion;

    private Arguments()
    {
    }

    /// <summary>Keys of the settings, in the order of the arguments.</summary>
    public List<string> Keys { get; } = [];

    /// <summary>The arguments that the configuration reads.</summary>
    public string[] Settings { get; private set; } = [];

    /// <summary>Parses the arguments by the rules of the configuration, which would silently skip malformed
    /// arguments.</summary>
    /// <exception cref="StartUpException">An argument is not a setting.</exception>
    public static Arguments Parse(string[] args)
    {
        Arguments all = new();
        for (int i = 0; i < args.Length; i++)
        {
            all._asksForHelp |= args[i] is "--help" or "-h" or "-?";
            all._asksForVersion |= args[i] is "--version";
        }

        if (all._asksForHelp || all._asksForVersion)
        {
            return all;
        }

        all.Settings = args;
        for (int i = 0; i < args.Length; i++)
        {
            int equals = args[i].IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? args[i] : args[i][..equals];
            string key = name.StartsWith("--", StringComparison.Ordinal) ? name[2..] : name.TrimStart('/');
            bool isOption = key.Length < name.Length;
            string suggestion = Suggestion.For(key.TrimStart('-'), ["help", "version"], prefix: "--") +
                Suggestion.For(key, [HealthCommand.Name, WorkCommand.Name]);
            if (key.StartsWith('-') || (equals < 0 && !isOption))
            {
                throw new StartUpException($"Expected --SECTION:OPTION=VALUE, got '{args[i]}'.{suggestion} --help shows all.");
            }

            if (equals < 0 && ++i == args.Length)
            {
                throw new StartUpException($"{name}: expected a value, as in {name}=VALUE.{suggestion}");
            }

            all.Keys.Add(key);
        }

        return all;
    }

    /// <summary>Prints the help or the version where an argument requests it.</summary>
    /// <returns>Whether an argument requested help or the version; the program then does not serve.</returns>
    public bool Answer(IServiceCollection services)
    {
        if (_asksForHelp)
        {
            Console.Out.Write(Help(services));
        }
        else if (_asksForVersion)
        {
            Console.Out.WriteLine($"InferenceServer {Version}");
        }

        return _asksForHelp || _asksForVersion;
    }

    /// <summary>The server's version. The text after the + is the commit.</summary>
    public static string Version { get; } =
        typeof(Arguments).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    private static string Help(IServiceCollection services) =>
        $"""
        InferenceServer {Version}: semantic segmentation over HTTP and gRPC; image in, mask out.

        InferenceServer [--urls=http://*:8080] [--SECTION:OPTION=VALUE ...]   serve
        InferenceServer {WorkCommand.Name} [--SECTION:OPTION=VALUE ...]                      work on jobs of other servers
        InferenceServer {HealthCommand.Name} [ready|live]                                   ask a server on this machine for its health
        InferenceServer --help | --version

        Each option stands in appsettings.json beside the program, in the environment as SECTION__OPTION, or on the command line;
        the last of these wins. The server's page is at /, its API at /swagger. The options and their defaults:

        {string.Join('\n', KnownSettings.Sections(services).SelectMany(Options))}

        """;

    private static IEnumerable<string> Options(BoundSection section)
    {
        object defaults = Activator.CreateInstance(section.Options)!;
        return section.Options.GetProperties().Select(option =>
        {
            object? value = option.GetValue(defaults);
            string text = value is string or ValueType ? FormattableString.Invariant($"{value}") : "";
            return $"  {section.Name + ":" + option.Name,-34} {text}".TrimEnd();
        });
    }
}

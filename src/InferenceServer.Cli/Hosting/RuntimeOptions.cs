using System.CommandLine;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Hosting;

/// <summary>The options of every command that runs a network, and the runtime set up as they say.</summary>
internal sealed class RuntimeOptions
{
    private const long AnyWork = 1L << 40;

    private readonly Option<string> _models = new("--models")
    {
        Description = "The folder that holds one folder for each model.",
        HelpName = "DIR",
        DefaultValueFactory = _ => "models",
    };

    private readonly Option<int> _threads = NumberOption.Create(
        "--threads", "Threads of the network; 0 takes as many as the process may use.", usual: 0, least: 0, most: 256);

    private readonly Option<ExecutionProvider> _provider = ChoiceOption.Create(
        "--provider", "What computes the network; cuda fails where there is none.",
        ("auto", ExecutionProvider.Auto), ("cpu", ExecutionProvider.Cpu), ("cuda", ExecutionProvider.Cuda));

    private RuntimeOptions(Command command)
    {
        command.Options.Add(_models);
        command.Options.Add(_threads);
        command.Options.Add(_provider);
    }

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    public static RuntimeOptions AddTo(Command command) => new(command);

    /// <summary>Refuses the options beside one that has the network run elsewhere, where they would change nothing.</summary>
    public void ExcludeWith(Option elsewhere, Command command) => command.Validators.Add(result =>
    {
        if (result.GetResult(elsewhere) is { Implicit: false })
        {
            foreach (Option option in (Option[])[_models, _threads, _provider])
            {
                if (result.GetResult(option) is { Implicit: false })
                {
                    result.AddError($"{option.Name} is for a model that runs here; leave it out, or {elsewhere.Name}.");
                }
            }
        }
    });

    /// <summary>The runtime as the server wires it, without a host: a command loads the one model that it needs.</summary>
    /// <param name="parsed">What was typed.</param>
    /// <param name="configure">Changes more options.</param>
    /// <returns>Services that the caller disposes, and the loaded models with them.</returns>
    public ServiceProvider Build(ParseResult parsed, Action<SegmentationOptions>? configure = null) => new ServiceCollection()
        .AddSegmentation(options =>
        {
            options.OwnsProcess = true;
            options.Models.Path = parsed.GetRequiredValue(_models);
            options.Onnx.IntraOpThreads = parsed.GetValue(_threads);
            options.Onnx.Provider = parsed.GetValue(_provider);
            options.Onnx.RequireGpu = options.Onnx.Provider == ExecutionProvider.Cuda;
            options.Inference.MaxInputPixels = AnyWork; // a server bounds what others ask of it; here whoever asks waits
            configure?.Invoke(options);
        })
        .BuildServiceProvider();
}

using System.CommandLine;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Hosting;

/// <summary>The options of every command that runs a network, and the runtime that they configure.</summary>
internal sealed class RuntimeOptions
{
    private const long AnyWork = 1L << 40;

    private readonly Option<string> _models = new("--models")
    {
        Description = "The folder with one folder for each model, or s3://bucket/prefix or hf://owner/name.",
        HelpName = "DIR",
        DefaultValueFactory = _ => "models",
    };

    private readonly Option<int> _threads = NumberOption.Create(
        "--threads", "Threads of the network; 0 is all processors of the process.", usual: 0, least: 0, most: 256);

    private readonly Option<ExecutionProvider> _provider = ChoiceOption.Create(
        "--provider", "The execution provider; cuda fails where no GPU can be used.",
        ("auto", ExecutionProvider.Auto), ("cpu", ExecutionProvider.Cpu), ("cuda", ExecutionProvider.Cuda));

    private readonly Option<GraphVariant> _variant = ChoiceOption.Create(
        "--variant", "The network's number format; auto is the one that the server would serve.",
        ("auto", GraphVariant.Auto), ("float32", GraphVariant.Float32), ("int8", GraphVariant.Int8), ("float16", GraphVariant.Float16));

    private readonly Option[] _all;

    private RuntimeOptions(Command command, bool withVariant)
    {
        _all = withVariant ? [_models, _threads, _provider, _variant] : [_models, _threads, _provider];
        foreach (Option option in _all)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    /// <param name="command">The command.</param>
    /// <param name="withVariant">Whether the number format of the network can be chosen.</param>
    public static RuntimeOptions AddTo(Command command, bool withVariant = true) => new(command, withVariant);

    /// <summary>The folder of models.</summary>
    public string Folder(ParseResult parsed) => parsed.GetRequiredValue(_models);

    /// <summary>Rejects these options together with <paramref name="elsewhere"/>, an option that runs the network on a
    /// server.</summary>
    public void ExcludeWith(Option elsewhere, Command command) => command.Validators.Add(result =>
    {
        if (result.GetResult(elsewhere) is { Implicit: false })
        {
            foreach (Option option in _all)
            {
                if (result.GetResult(option) is { Implicit: false })
                {
                    result.AddError(
                        $"{option.Name}: expected no {elsewhere.Name} beside this option, which is for a model "
                        + "that runs here. Leave out one of the two.");
                }
            }
        }
    });

    /// <summary>Builds the runtime without a host: a command loads the one model that it needs.</summary>
    /// <param name="parsed">The parsed arguments.</param>
    /// <param name="configure">Sets more options.</param>
    /// <returns>The services; disposing them disposes loaded models, too.</returns>
    public ServiceProvider Build(ParseResult parsed, Action<SegmentationOptions>? configure = null) =>
        new ServiceCollection()
        .AddSegmentation(options =>
        {
            options.OwnsProcess = true;
            options.Models.Path = parsed.GetRequiredValue(_models);
            options.Models.WarmUp = false; // a command runs what it needs, and no more
            options.Onnx.IntraOpThreads = parsed.GetValue(_threads);
            options.Onnx.Provider = parsed.GetValue(_provider);
            options.Onnx.Variant = _all.Contains(_variant) ? parsed.GetValue(_variant) : GraphVariant.Float32;
            options.Onnx.RequireGpu = options.Onnx.Provider == ExecutionProvider.Cuda;
            options.Inference.MaxInputPixels = AnyWork; // only a server limits the work of a request
            configure?.Invoke(options);
        })
        .BuildServiceProvider();
}

using System.CommandLine;
using InferenceServer.Fuzz.Cases;

namespace InferenceServer.Fuzz;

/// <summary><c>fuzz</c>: mutated input for the real handlers, the same for the same seed.</summary>
internal static class Fuzzer
{
    private static readonly string[] Kinds =
        ["image", "tiff", "form", "query", "npy", "manifest", "infer", "grpc", "dialect", "bulk", "job", "encoding", "task", "refine"];

    private static async Task<int> Main(string[] args)
    {
        Option<long> cases = new("--cases") { Description = "How many.", DefaultValueFactory = _ => 10_000 };
        Option<long> first = new("--first") { Description = "Number of the first: with --cases 1, a finding once more." };
        Option<int> seed = new("--seed") { Description = "Another seed, other cases.", DefaultValueFactory = _ => 1 };
        Option<string> kind = new("--kind")
        {
            Description = "What is mutated: " + string.Join(", ", Kinds) + ", or all by turns.",
            DefaultValueFactory = _ => "all",
        };
        Option<int> workers = new("--workers") { Description = "Cases at once.", DefaultValueFactory = _ => Environment.ProcessorCount };
        Option<string> output = new("--out")
        {
            Description = "A folder for the inputs of findings.",
            DefaultValueFactory = _ => "artifacts/fuzz",
        };
        kind.AcceptOnlyFromAmong([.. Kinds, "all"]);
        RootCommand command = new(
            "Feeds mutated input to the server's handlers and looks for answers 500, crashes, hangs and leaks.")
        { cases, first, seed, kind, workers, output };
        command.SetAction(async (parsed, cancellation) =>
        {
            using FuzzTarget target = await FuzzTarget.StartAsync();
            string chosen = parsed.GetRequiredValue(kind);
            IFuzzCase[] made = [.. (chosen == "all" ? Kinds : [chosen]).Select(k => Create(k, target))];
            FuzzRun run = new(target, made, parsed.GetRequiredValue(seed), parsed.GetRequiredValue(output));
            return await run.RunAsync(
                parsed.GetValue(first),
                parsed.GetRequiredValue(cases),
                parsed.GetRequiredValue(workers),
                cancellation)
                ? 0
                : 1;
        });
        return await command.Parse(args).InvokeAsync();
    }

    /// <summary>Another kind joins here.</summary>
    private static IFuzzCase Create(string kind, FuzzTarget target) => kind switch
    {
        "image" => new ImageCase(target),
        "tiff" => new TiffCase(target),
        "form" => new FormCase(target),
        "query" => new QueryCase(target),
        "npy" => new NpyCase(),
        "manifest" => new ManifestCase(target),
        "infer" => new InferCase(target),
        "grpc" => new GrpcCase(target),
        "dialect" => new DialectCase(target),
        "encoding" => new EncodingCase(target),
        "task" => new TaskCase(target),
        "refine" => new RefineCase(target),
        "bulk" => new BulkCase(target, asJob: false),
        "job" => new BulkCase(target, asJob: true),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind."),
    };
}

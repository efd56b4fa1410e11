using System.CommandLine;
using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Reports;

namespace InferenceServer.LoadTests.Compare;

/// <summary><c>compare</c>: all contenders, all targets, in a quarter of an hour.</summary>
internal static class CompareCommand
{
    private const string Page = "docs/benchmarks.md";
    private const string Picture = "docs/images/load.svg";

    public static Command Create()
    {
        Option<string> server = new("--server")
        {
            Description = "The server's assembly.",
            DefaultValueFactory = _ => ContenderCatalog.DefaultServer,
        };
        Option<string> arguments = new("--server-args")
        {
            Description = "Settings for it, such as \"--Onnx:IntraOpThreads 1\".",
            DefaultValueFactory = _ => "",
        };
        Option<string> model = new("--model")
        {
            Description = "The served model's folder.",
            DefaultValueFactory = _ => "models/camvid-deeplabv3plus",
        };
        Option<double> scale = new("--scale")
        {
            Description = "Length of each window, relative to the usual.",
            DefaultValueFactory = _ => 1,
        };
        Option<string> output = new("--out")
        {
            Description = "A folder for tables, pictures and logs.",
            DefaultValueFactory = _ => "artifacts/load",
        };
        Option<bool> docs = new("--docs") { Description = $"Put the tables into {Page} and the picture into {Picture}." };
        Command command = new(
            "compare",
            "Measure the raw loop, the server and its peers by turns, and hold the promises against the figures.")
        { server, arguments, model, scale, output, docs };
        command.SetAction((parsed, _) => RunAsync(new CompareOptions(
            parsed.GetValue(server)!, parsed.GetValue(arguments)!, parsed.GetValue(model)!, parsed.GetValue(scale),
            parsed.GetValue(output)!, parsed.GetValue(docs))));
        return command;
    }

    private static async Task RunAsync(CompareOptions options)
    {
        Directory.CreateDirectory(options.Output);
        BenchmarkModel model = new(Path.GetFullPath(options.Model));
        PhotoMaker maker = new("tests/assets/street.jpg");
        (PhotoSet plain, PhotoSet mixed) = (PhotoSet.Plain(maker), PhotoSet.Mixed(maker));
        using ContenderGroup floats = await ContenderGroup.StartAsync(options, model, isInt8: false).ConfigureAwait(false);
        using ContenderGroup? bytes = model.Int8(options.Output) is { } int8
            ? await ContenderGroup.StartAsync(options, int8, isInt8: true).ConfigureAwait(false)
            : null;
        Dictionary<string, double> agreement = [];
        foreach (ContenderGroup group in (IEnumerable<ContenderGroup>)(bytes is null ? [floats] : [floats, bytes]))
        {
            await CompareAsync(group.Server, group == floats ? group.Peers : [.. group.Peers, floats.Server]).ConfigureAwait(false);
        }

        Comparison comparison = new(options, plain, mixed);
        await comparison.RunAsync(floats, bytes).ConfigureAwait(false);
        Write(options, new CompareReport(comparison.Windows, agreement, plain.Name, mixed.Name), comparison);

        async Task CompareAsync(HttpContender server, IReadOnlyList<HttpContender> others)
        {
            foreach (HttpContender other in others)
            {
                double share = await Agreement.MeasureAsync(server, other, mixed).ConfigureAwait(false);
                Console.WriteLine($"{other.Name} gives {100 * share:F2} % of the pixels the class that {server.Name} gives.");
                agreement[other == floats.Server ? server.Name : other.Name] = share;
            }
        }
    }

    private static void Write(CompareOptions options, CompareReport report, Comparison comparison)
    {
        Csv.WriteSummary(Path.Combine(options.Output, "windows.csv"), comparison.Windows);
        Csv.WriteSeconds(Path.Combine(options.Output, "seconds.csv"), comparison.Windows);
        report.Draw(Path.Combine(options.Output, "load.svg"));
        string markdown = report.Markdown();
        File.WriteAllText(Path.Combine(options.Output, "tables.md"), markdown);
        Console.WriteLine($"\n{markdown}");
        if (options.Docs)
        {
            DocsBlock.Replace(Page, "load", markdown);
            File.Copy(Path.Combine(options.Output, "load.svg"), Picture, overwrite: true);
        }
    }
}

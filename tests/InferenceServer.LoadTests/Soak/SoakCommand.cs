using System.CommandLine;
using System.Globalization;
using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Reports;

namespace InferenceServer.LoadTests.Soak;

/// <summary><c>soak</c>: whether a server's memory grows under images of all sizes.</summary>
internal static class SoakCommand
{
    private const double Megabyte = 1 << 20;

    public static Command Create()
    {
        Option<double> minutes = new("--minutes") { Description = "Length of the run; 60 is the whole.", DefaultValueFactory = _ => 3 };
        Option<double> rate = new("--rate") { Description = "Requests a second, by chance.", DefaultValueFactory = _ => 4 };
        Option<string> server = new("--server")
        {
            Description = "The server's assembly.",
            DefaultValueFactory = _ => ContenderCatalog.DefaultServer,
        };
        Option<string> arguments = new("--server-args") { Description = "Settings for it.", DefaultValueFactory = _ => "" };
        Option<string> model = new("--model")
        {
            Description = "The served model's folder.",
            DefaultValueFactory = _ => "models/camvid-deeplabv3plus",
        };
        Option<string> output = new("--out")
        {
            Description = "A folder for soak.csv, soak.svg and the server's log.",
            DefaultValueFactory = _ => "artifacts/soak",
        };
        Command command =
            new("soak", "Send photographs from 320x320 to 12 megapixels and watch the server's memory.")
            {
                minutes,
                rate,
                server,
                arguments,
                model,
                output,
            };
        command.SetAction(async (parsed, _) =>
        {
            string folder = parsed.GetValue(output)!;
            Directory.CreateDirectory(folder);
            using HttpContender contender = await ContenderCatalog.ServerAsync(
                parsed.GetValue(server)!, parsed.GetValue(arguments)!,
                new BenchmarkModel(Path.GetFullPath(parsed.GetValue(model)!)), folder).ConfigureAwait(false);
            return await RunAsync(
                contender,
                TimeSpan.FromMinutes(parsed.GetValue(minutes)),
                parsed.GetValue(rate),
                folder).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> RunAsync(HttpContender server, TimeSpan length, double rate, string folder)
    {
        PhotoSet photos = PhotoSet.Wide(new PhotoMaker("tests/assets/street.jpg"));
        await server.WarmUpAsync(photos).ConfigureAwait(false);
        SoakRun run = new(server, photos, rate, length);
        string csv = Path.Combine(folder, "soak.csv");
        File.WriteAllText(csv, "seconds,resident_mb,heap_mb,accepted,refused,failed\n");
        IReadOnlyList<MemorySample> samples = await run.RunAsync(s => File.AppendAllText(csv, Line(s))).ConfigureAwait(false);
        SvgChart chart = new();
        chart.Add("Memory under photographs of 320² to 12 MP", "minutes", "MB",
        [
            new Series("resident", [.. samples.Select(s => (s.Seconds / 60, s.Resident / Megabyte))]),
            new Series("managed heap", [.. samples.Where(s => s.Heap is not null).Select(s => (s.Seconds / 60, s.Heap!.Value / Megabyte))]),
        ]);
        chart.Save(Path.Combine(folder, "soak.svg"));
        SoakVerdict verdict = new(samples, length.TotalSeconds);
        MemorySample last = samples[^1];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{length.TotalMinutes:0.#} minutes, {last.Accepted} masks, {last.Refused} refused, {last.Failed} " +
            $"failed. Resident after the start {verdict.Early / Megabyte:F0} MB, "
            + $"in its last tenth {verdict.Late / Megabyte:F0} MB: × {verdict.Growth:F3}, at most " +
                $"{SoakVerdict.Limit:F2} allowed: {(verdict.Passed ? "passed" : "FAILED")}."));
        return verdict.Passed && last.Failed == 0 ? 0 : 1;
    }

    private static string Line(MemorySample s) => string.Create(
        CultureInfo.InvariantCulture,
        $"{s.Seconds:F1},{s.Resident / Megabyte:F1},{s.Heap / Megabyte:F1},{s.Accepted},{s.Refused},{s.Failed}\n");
}

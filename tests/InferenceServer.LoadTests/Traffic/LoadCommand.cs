using System.CommandLine;
using InferenceServer.LoadTests.Compare;
using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Reports;

namespace InferenceServer.LoadTests.Traffic;

/// <summary><c>load</c>: one load on one server.</summary>
internal static class LoadCommand
{
    public static Command Create()
    {
        Option<string> start = new("--start")
        {
            Description = "Shell command that starts the server; PORT in it becomes a free port.",
            DefaultValueFactory = _ => $"dotnet '{ContenderCatalog.DefaultServer}' --urls http://127.0.0.1:PORT",
        };
        Option<string> path = new("--path") { Description = "Path and query to post to.", DefaultValueFactory = _ => "/v1/segment" };
        Option<string> photos = new("--photos") { Description = "480x360, mixed or wide.", DefaultValueFactory = _ => "480x360" };
        Option<double> rate = new("--rate")
        {
            Description =
                "Requests a second, whatever the server does (open loop); 0 sends as fast as it answers (closed " +
                "loop).",
            DefaultValueFactory = _ => 0,
        };
        Option<bool> poisson = new("--poisson") { Description = "Arrivals by chance instead of evenly spaced." };
        Option<int> clients = new("--clients")
        {
            Description = "Clients of the closed loop.",
            DefaultValueFactory = _ => HttpContender.SaturatingClients,
        };
        Option<double> seconds = new("--seconds") { Description = "Length of a window.", DefaultValueFactory = _ => 10 };
        Option<int> rounds = new("--rounds") { Description = "Windows.", DefaultValueFactory = _ => 1 };
        Option<string> output = new("--out") { Description = "A folder for tables and logs.", DefaultValueFactory = _ => "artifacts/load" };
        Command command = new("load", "Put one load on one server and say what became of it.")
        {
            start,
            path,
            photos,
            rate,
            poisson,
            clients,
            seconds,
            rounds,
            output,
        };
        command.SetAction(async (parsed, _) =>
        {
            string folder = parsed.GetValue(output)!;
            Directory.CreateDirectory(folder);
            PhotoSet set = PhotoSet.Named(parsed.GetValue(photos)!, new PhotoMaker("tests/assets/street.jpg"));
            TimeSpan length = TimeSpan.FromSeconds(parsed.GetValue(seconds));
            double perSecond = parsed.GetValue(rate);
            using HttpContender server = await HttpContender.StartAsync(
                "server", parsed.GetValue(start)!, parsed.GetValue(path)!, Path.Combine(folder, "server.log"))
                .ConfigureAwait(false);
            await server.WarmUpAsync(set).ConfigureAwait(false);
            List<Window> windows = [];
            for (int round = 1; round <= parsed.GetValue(rounds); round++)
            {
                windows.Add(perSecond > 0
                    ? await server.OfferAsync("open", set, perSecond, length, round, parsed.GetValue(poisson)).ConfigureAwait(false)
                    : await server.SaturateAsync(set, length, round, parsed.GetValue(clients)).ConfigureAwait(false));
                Console.WriteLine(Comparison.Describe(windows[^1]));
            }

            Csv.WriteSummary(Path.Combine(folder, "windows.csv"), windows);
            Csv.WriteSeconds(Path.Combine(folder, "seconds.csv"), windows);
        });
        return command;
    }
}

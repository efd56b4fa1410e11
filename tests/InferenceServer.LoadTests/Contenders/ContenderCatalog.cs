namespace InferenceServer.LoadTests.Contenders;

/// <summary>How each contender is started, from the root of the repository.</summary>
internal static class ContenderCatalog
{
    private const string Path = "/v1/segment";

    public const string Server = "InferenceServer";
    public const string FastApi = "FastAPI";
    public const string Fastify = "fastify";

    /// <summary>The name of a contender whose network has 8 bits.</summary>
    public static string Int8(string contender) => contender + " int8";

    /// <summary>Where the build of this configuration put the server.</summary>
    public static string DefaultServer { get; } =
        System.IO.Path.GetFullPath(
            System.IO.Path.Combine(
                AppContext.BaseDirectory, "../../../../../src/InferenceServer/bin", Configuration,
                "net10.0/InferenceServer.dll"));

    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    /// <summary>Starts the server with the graph that the peers run, unless the arguments say otherwise.</summary>
    /// <param name="dll">The server's assembly.</param>
    /// <param name="arguments">Settings in the form <c>--Section:Key value</c>.</param>
    /// <param name="model">The model that is served.</param>
    /// <param name="logs">A folder for what the server prints.</param>
    /// <param name="name">Its name in tables.</param>
    public static Task<HttpContender> ServerAsync(
        string dll, string arguments, BenchmarkModel model, string logs, string name = Server) =>
        HttpContender.StartAsync(
        name, $"dotnet '{dll}' --urls http://127.0.0.1:PORT --Models:Default {model.Name} {arguments}", Path,
        System.IO.Path.Combine(logs, $"{name}.log"));

    /// <summary>The peers that are set up on this machine; says how to set up those that are not.</summary>
    /// <param name="model">The model that they serve.</param>
    /// <param name="logs">A folder for what they print.</param>
    /// <param name="named">Their names in tables, from their usual ones.</param>
    public static async Task<IReadOnlyList<HttpContender>> PeersAsync(BenchmarkModel model, string logs, Func<string, string> named)
    {
        List<HttpContender> peers = [];
        string folder = Environment.GetEnvironmentVariable("FOLDER") ?? "/tmp/peer-fastapi";
        if (Directory.Exists(System.IO.Path.Combine(folder, "srv/peer")))
        {
            peers.Add(
                await HttpContender.StartAsync(
                    named(FastApi), $"tests/peers/fastapi/run.sh PORT '{model.Folder}'", Path,
                    System.IO.Path.Combine(logs, $"{named(FastApi)}.log"))
                    .ConfigureAwait(false));
        }
        else
        {
            Console.WriteLine($"Without {FastApi}: there is no {folder}; tests/peers/fastapi/setup.sh makes it.");
        }

        if (Directory.Exists("tests/peers/fastify/node_modules"))
        {
            peers.Add(
                await HttpContender.StartAsync(
                    named(Fastify), $"node tests/peers/fastify/server.js PORT '{model.Folder}'", Path,
                    System.IO.Path.Combine(logs, $"{named(Fastify)}.log"))
                    .ConfigureAwait(false));
        }
        else
        {
            Console.WriteLine($"Without {Fastify}: run `npm ci` in tests/peers/fastify.");
        }

        return peers;
    }
}

using System.Diagnostics;

namespace InferenceServer.Tests.Deploy;

/// <summary>nginx with the configuration of deploy/nginx, on other ports and with a folder of its own.</summary>
internal sealed class NginxProcess : IDisposable
{
    private static readonly string Configuration = Path.Combine(Repository.Root, "deploy", "nginx");
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly Process _process;

    /// <summary>Starts nginx.</summary>
    /// <param name="ports">Its own port and that for gRPC, then those of each replica.</param>
    /// <param name="mostConnections">Requests that one address may have under way.</param>
    public NginxProcess(NginxPorts ports, int mostConnections)
    {
        // What an installation compiles in, and an ordinary user may not write to.
        string own = string.Concat(
            ((string[])["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]).Select(p =>
                $"{p}_temp_path {_folder}/{p};\n")) +
            "access_log off;\n";
        Adapt(
            "nginx.conf", ("listen 8080", $"listen 127.0.0.1:{ports.Http}"), ("listen 8001", $"listen 127.0.0.1:{ports.Grpc}"),
            ("limit_conn clients 256", $"limit_conn clients {mostConnections}"), ("http {", "http {\n" + own));
        Adapt("replicas.conf", (":8081", $":{ports.First}"), (":8082", $":{ports.Second}"));
        Adapt(
            "replicas-grpc.conf", (":8081", $":{ports.First}"), (":8082", $":{ports.Second}"), (":8091", $":{ports.FirstGrpc}"),
            (":8092", $":{ports.SecondGrpc}"));
        Adapt("ready-replica.conf");
        string user = Environment.UserName == "root" ? "user root; " : ""; // who may enter the folder
        _process = Process.Start(
            NginxFactAttribute.Program!,
            [
                "-p", _folder, "-c", Path.Combine(_folder, "nginx.conf"), "-e", Path.Combine(_folder, "error.log"), "-g",
                $"{user}daemon off; pid {_folder}/nginx.pid;"
            ]);
    }

    /// <summary>What nginx complained about.</summary>
    public string Errors => File.ReadAllText(Path.Combine(_folder, "error.log"));

    public void Dispose()
    {
        _ = ServerProcess.Kill(_process.Id, ServerProcess.Terminate); // its master then ends the workers
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Adapt(string file, params (string From, string To)[] changes)
    {
        string text = File.ReadAllText(Path.Combine(Configuration, file));
        foreach ((string from, string to) in changes)
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        File.WriteAllText(Path.Combine(_folder, file), text);
    }
}

/// <summary>The ports of nginx and of two replicas behind it, each for HTTP and for gRPC.</summary>
internal sealed record NginxPorts(int Http, int Grpc, int First, int Second, int FirstGrpc, int SecondGrpc);

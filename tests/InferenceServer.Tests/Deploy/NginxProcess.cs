using System.Diagnostics;

namespace InferenceServer.Tests.Deploy;

/// <summary>nginx with the configuration of deploy/nginx, on other ports and with a folder of its own.</summary>
internal sealed class NginxProcess : IDisposable
{
    private static readonly string Configuration = Path.Combine(Repository.Root, "deploy", "nginx", "nginx.conf");
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly Process _process;

    public NginxProcess(int port, int firstReplica, int secondReplica)
    {
        // What an installation compiles in, and an ordinary user may not write to.
        string own = string.Concat(
            ((string[])["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]).Select(p =>
                $"{p}_temp_path {_folder}/{p};\n")) +
            "access_log off;\n";
        string text = File.ReadAllText(Configuration);
        foreach ((string from, string to) in ((string, string)[])[
            ("listen 8080", $"listen 127.0.0.1:{port}"), ("http {", "http {\n" + own)
        ])
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        string replicas = File.ReadAllText(Path.Combine(Path.GetDirectoryName(Configuration)!, "replicas.conf"));
        Assert.Contains("127.0.0.1:8081", replicas, StringComparison.Ordinal);
        Assert.Contains("127.0.0.1:8082", replicas, StringComparison.Ordinal);
        File.WriteAllText(
            Path.Combine(_folder, "replicas.conf"),
            replicas.Replace(":8081", $":{firstReplica}", StringComparison.Ordinal)
                .Replace(":8082", $":{secondReplica}", StringComparison.Ordinal));
        string file = Path.Combine(_folder, "nginx.conf");
        File.WriteAllText(file, text);
        string user = Environment.UserName == "root" ? "user root; " : ""; // who may enter the folder
        _process = Process.Start(
            NginxFactAttribute.Program!,
            [
                "-p", _folder, "-c", file, "-e", Path.Combine(_folder, "error.log"), "-g",
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
}

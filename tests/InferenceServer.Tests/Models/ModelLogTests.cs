namespace InferenceServer.Tests.Models;

/// <summary>Log messages about files that are not models or not valid: what to do, and whether requests are still
/// answered.</summary>
public sealed class ModelLogTests : IDisposable
{
    private readonly ModelsFolder _folder = new();

    public void Dispose() => _folder.Delete();

    [Fact]
    public async Task Log_BareGraph_IsNamedOnceWithTheCommandThatDraftsItsManifest()
    {
        _folder.Add("tiny", 1);
        File.WriteAllText(Path.Combine(_folder.Path, "before.onnx"), "");
        await using ServerProcess server = await StartAsync();
        File.WriteAllText(Path.Combine(_folder.Path, "after.onnx"), "");

        foreach (string name in (string[])["before", "after"])
        {
            string model = Path.Combine(_folder.Path, name);
            await ServerProcess.UntilAsync(() =>
                Task.FromResult(Text(server).Contains($"{name}.onnx is not in a model's folder", StringComparison.Ordinal)));
            Assert.Contains(
                $"inference-server inspect {model}/1/model.onnx --manifest {model}/model.json", Text(server),
                StringComparison.Ordinal);
        }

        _folder.AddBroken("tiny", 2); // another look
        await ServerProcess.UntilAsync(() => Task.FromResult(Text(server).Contains("tiny v2", StringComparison.Ordinal)));
        Assert.Single(
            Text(server).Split('\n'),
            line => line.Contains("before.onnx is not in a model's folder", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Log_VersionThatFails_SaysWhatStillServes()
    {
        _folder.Add("tiny", 1);
        _folder.AddBroken("tiny", 2);
        _folder.AddBroken("broken", 1);

        await using ServerProcess server = await StartAsync();

        await ServerProcess.UntilAsync(() => Task.FromResult(Text(server).Contains("tiny v2", StringComparison.Ordinal)));
        Assert.Contains("Model tiny v2 is unavailable; version 1 still serves: ", Text(server), StringComparison.Ordinal);
        Assert.Contains("Model broken v1 is unavailable; no version serves: ", Text(server), StringComparison.Ordinal);
    }

    // Values of a line stand between quotation marks, which its JSON escapes.
    private static string Text(ServerProcess server) => server.Log.Replace("\\\"", "", StringComparison.Ordinal);

    private Task<ServerProcess> StartAsync() => ServerProcess.StartAsync(
        ("Models:Path", _folder.Path), ("Models:Watch", "Auto"), ("Models:PollInterval", "00:00:00.050"),
        ("Models:SettleTime", "00:00:00.020"));
}

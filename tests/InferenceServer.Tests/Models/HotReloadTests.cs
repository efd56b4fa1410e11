using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace InferenceServer.Tests.Models;

/// <summary>Versions are added and removed while clients send requests; no request fails.</summary>
public sealed class HotReloadTests : IAsyncLifetime
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromMinutes(1);
    private readonly ModelsFolder _folder = new();
    private SegmentationServer _server = null!;

    public async Task InitializeAsync()
    {
        _folder.Add("tiny", 1);
        _server = await SegmentationServer.StartAsync(
            ("Models:Path", _folder.Path), ("Models:Watch", "Auto"), ("Models:PollInterval", "00:00:00.050"),
            ("Models:SettleTime", "00:00:00.020"));
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete();
    }

    [Fact]
    public async Task Segment_WhileVersionsAreSwapped_NeverFails()
    {
        const int Swaps = 8;
        using CancellationTokenSource done = new();
        ConcurrentDictionary<string, int> answers = new();
        Task[] clients = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() => AskAsync(answers, done.Token)))];
        await UntilAsync(answers, "v1", clients);
        for (int version = 2; version <= Swaps + 1; version++)
        {
            _folder.Add("tiny", version);
            await UntilAsync(answers, $"v{version}", clients);
        }

        await done.CancelAsync();
        await Task.WhenAll(clients);

        Assert.Equal(
            Enumerable.Range(1, Swaps + 1).Select(v => $"v{v}").Order(StringComparer.Ordinal),
            answers.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Models_BadVersion_ShowsItsReasonBesideTheOneThatServes()
    {
        _folder.AddBroken("tiny", 2);

        JsonElement model = await ModelAsync(m => m.TryGetProperty("reason", out _));

        Assert.Equal(("READY", 1), (model.GetProperty("state").GetString(), model.GetProperty("version").GetInt32()));
        Assert.Contains("tiny/2/model.onnx", model.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Segment_ModelAddedAndRemoved_IsServedAndThenUnknown()
    {
        _folder.Add("tiny-labels", 1);
        await StatusAsync("tiny-labels", HttpStatusCode.OK);
        _folder.Remove("tiny-labels");
        await StatusAsync("tiny-labels", HttpStatusCode.NotFound);
    }

    private async Task AskAsync(ConcurrentDictionary<string, int> answers, CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            using HttpResponseMessage response = await _server.Client.PostAsync(
                "/v1/segment/tiny", Photo.Content(Photo.Png), CancellationToken.None);
            string answer = response.IsSuccessStatusCode
                ? "v" + Assert.Single(response.Headers.GetValues("X-Model-Version"))
                : $"{response.StatusCode}: {await response.Content.ReadAsStringAsync(CancellationToken.None)}";
            answers.AddOrUpdate(answer, 1, static (_, count) => count + 1);
        }
    }

    // A client that failed would otherwise be waited for in vain.
    private static async Task UntilAsync(ConcurrentDictionary<string, int> answers, string answer, Task[] clients)
    {
        using CancellationTokenSource timeout = new(MaxWait);
        while (!answers.ContainsKey(answer))
        {
            Assert.DoesNotContain(clients, c => c.IsCompleted);
            await Task.Delay(1, timeout.Token);
        }
    }

    private async Task<JsonElement> ModelAsync(Func<JsonElement, bool> condition)
    {
        using CancellationTokenSource timeout = new(MaxWait);
        while (true)
        {
            JsonElement model =
                (await _server.Client.GetFromJsonAsync<JsonElement>("/v1/models/tiny", timeout.Token))
                    .GetProperty("model");
            if (condition(model))
            {
                return model;
            }

            await Task.Delay(1, timeout.Token);
        }
    }

    private async Task StatusAsync(string model, HttpStatusCode expected)
    {
        using CancellationTokenSource timeout = new(MaxWait);
        while (true)
        {
            using HttpResponseMessage response = await _server.Client.PostAsync(
                $"/v1/segment/{model}", Photo.Content(Photo.Png), timeout.Token);
            if (response.StatusCode == expected)
            {
                return;
            }

            await Task.Delay(1, timeout.Token);
        }
    }
}

using System.Net;
using System.Text.Json;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Segment;

/// <summary>How long a request may take, and what it hears when that was not enough.</summary>
public sealed class DeadlineTests : IAsyncLifetime
{
    private SegmentationServer _server = null!;
    private LoadedModel _model = null!;

    public async Task InitializeAsync()
    {
        _server = await SegmentationServer.StartAsync(
            ("Scheduling:Instances", "1"), ("Scheduling:OverloadInterval", "00:01:00"),
            ("Scheduling:MaxTimeout", "00:00:50"));
        _model = _server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!;
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Timeout_PassesInTheQueue_Answers503AndWhenToTryAgain()
    {
        using GatedSession gate = new(_model);
        Task<HttpResponseMessage> running = PostAsync("");
        await Eventually.TrueAsync(() => _model.Scheduler.Running == 1);

        using HttpResponseMessage expired = await PostAsync("?timeout=30");

        Assert.Contains("30 ms", await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, expired), StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(1), expired.Headers.RetryAfter?.Delta);
        Assert.Equal("urn:inference-server:queue-timeout", (await JsonAsync(expired)).GetProperty("type").GetString());
        Assert.Equal(0, _model.Scheduler.QueuedImages);
        gate.Open();
        using HttpResponseMessage served = await running;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Theory]
    [InlineData("?timeout=30", null)]
    [InlineData("", "30")]
    [InlineData("?timeout=100000", "30")]
    [InlineData("?timeout=30", "100000")]
    public async Task Timeout_PassesInTheNetwork_Answers504AndEndsTheRun(string query, string? header)
    {
        using GatedSession gate = new(_model);

        using HttpResponseMessage late = await PostAsync(query, ("X-Request-Timeout-Ms", header));

        // On a busy machine the time may be up before the network is reached; the answer says where it was.
        string detail = await ProblemAssert.IsAsync(late.StatusCode, late);
        Assert.Contains("30 ms", detail, StringComparison.Ordinal);
        Assert.Contains(late.StatusCode, (HttpStatusCode[])[HttpStatusCode.GatewayTimeout, HttpStatusCode.ServiceUnavailable]);
        await Eventually.TrueAsync(() => _model.Scheduler.Running == 0 && _server.InFlight.Requests == 0);
    }

    [Theory]
    [InlineData("?timeout=0", null, null, "timeout")]
    [InlineData("?timeout=-1", null, null, "timeout")]
    [InlineData("?timeout=soon", null, null, "soon")]
    [InlineData("?timeout=1.5", null, null, "whole number")]
    [InlineData("", "never", null, "X-Request-Timeout-Ms")]
    [InlineData("?priority=urgent", null, null, "interactive or batch")]
    [InlineData("", null, "1", "X-Priority")]
    public async Task Terms_Nonsense_Answers400AndNamesIt(string query, string? timeout, string? priority, string named)
    {
        using HttpResponseMessage response = await PostAsync(query, ("X-Request-Timeout-Ms", timeout), ("X-Priority", priority));

        Assert.Contains(named, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("?timeout=20000&priority=batch", null)]
    [InlineData("?priority=interactive", "batch")]
    [InlineData("?timeout=2147483647", null)] // more than the server allows is cut
    public async Task Terms_Sensible_AreServed(string query, string? priority)
    {
        using HttpResponseMessage response = await PostAsync(query, ("X-Priority", priority));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage response) =>
        JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

    private async Task<HttpResponseMessage> PostAsync(string query, params (string Name, string? Value)[] headers)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny" + query) { Content = Photo.Content(Photo.Png) };
        foreach ((string name, string? value) in headers.Where(h => h.Value is not null))
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _server.Client.SendAsync(request);
    }
}

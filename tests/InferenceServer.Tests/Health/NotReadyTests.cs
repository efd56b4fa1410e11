using System.Net;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Health;

/// <summary>What the server answers while it cannot serve yet, or never will.</summary>
public sealed class NotReadyTests
{
    [Fact]
    public async Task Ready_RequiredModelUnavailable_Answers503WithTheReasonButLives()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Models:Required:0", "tiny"), ("Models:Required:1", "tiny-nan"));

        string detail = await FailAsync(server, "/health/ready");

        Assert.Contains("tiny-nan", detail, StringComparison.Ordinal);
        Assert.Contains("NaN", detail, StringComparison.Ordinal);
        Assert.DoesNotContain("'tiny'", detail, StringComparison.Ordinal);
        using HttpResponseMessage live = await server.Client.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
    }

    [Fact]
    public async Task Ready_RequiredModelMissing_Answers503()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Models:Required:0", "absent"));

        Assert.Contains("'absent'", await FailAsync(server, "/health/ready"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Segment_ModelsNotLookedForYet_Answers503()
    {
        await using SegmentationServer server = WithoutLoading();

        await FailAsync(server, "/health/ready");
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, response);
    }

    [Fact]
    public async Task Segment_ModelStillLoading_Answers503()
    {
        await using SegmentationServer server = WithoutLoading();
        // Loading that is stopped at once leaves every model where it was.
        Assert.Throws<OperationCanceledException>(() =>
            server.Services.GetRequiredService<ModelRepository>().Load(new CancellationToken(canceled: true)));

        Assert.Contains("loading", await FailAsync(server, "/health/ready"), StringComparison.Ordinal);
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        Assert.Contains("loading", await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, response), StringComparison.Ordinal);
        Assert.Contains("\"LOADING\"", await server.Client.GetStringAsync("/v1/models/tiny"), StringComparison.Ordinal);
    }

    private static SegmentationServer WithoutLoading()
    {
        SegmentationServer server = new(
            [], services => services.Remove(services.Single(s => s.ImplementationType == typeof(ModelLoading))));
        server.StartServer();
        return server;
    }

    private static async Task<string> FailAsync(SegmentationServer server, string path)
    {
        using HttpResponseMessage response = await server.Client.GetAsync(path);
        return await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, response);
    }
}

using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Tests.Logging;

[Collection(SharedServer.Name)]
public sealed class RequestLogTests(SegmentationServer server)
{
    [Theory]
    [InlineData("/health/live")]
    [InlineData("/v1/models/none")]
    [InlineData("/no/such/route")]
    public async Task RequestId_OfTheClient_ComesBack(string path) => Assert.Equal("street-42.a:b_c", await IdAsync(path, "street-42.a:b_c"));

    [Theory]
    [InlineData(null)]
    [InlineData("with blanks")]
    [InlineData("\"quoted\"")]
    public async Task RequestId_NoneOrUnfitForALog_IsMadeByTheServer(string? sent)
    {
        string id = await IdAsync("/health/live", sent);

        Assert.NotEqual(sent, id);
        Assert.NotEqual("", id);
    }

    [Fact]
    public async Task RequestId_TooLong_IsMadeByTheServer()
    {
        string sent = new('a', 129);

        Assert.NotEqual(sent, await IdAsync("/health/live", sent));
    }

    [Theory]
    [InlineData("/v1/segment/none", "→ 404 unknown_model in", "There is no model 'none'")]
    [InlineData("/v1/segment/no%0Aline", "→ 404 unknown_model in", "There is no model 'no line'")]
    [InlineData("/v1/segment/tiny?format=no", "→ 400 bad_request in", "format")]
    public async Task Line_OfARefusal_SaysWhy(string path, string outcome, string why)
    {
        LogLines lines = new();
        await using SegmentationServer own = new([("Serilog:MinimumLevel", "Information")], services => services.AddSingleton<ILoggerProvider>(lines));
        await own.InitializeAsync();

        using HttpResponseMessage response = await own.Client.PostAsync(path, Photo.Content(Photo.Png));

        string line = await lines.WaitForAsync("→");
        Assert.Contains(outcome, line, StringComparison.Ordinal);
        Assert.Contains(why, line, StringComparison.Ordinal);
        Assert.DoesNotContain(line, char.IsControl);
    }

    private async Task<string> IdAsync(string path, string? sent)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        if (sent is not null)
        {
            request.Headers.TryAddWithoutValidation("X-Request-Id", sent);
        }

        using HttpResponseMessage response = await server.Client.SendAsync(request);
        return Assert.Single(response.Headers.GetValues("X-Request-Id"));
    }
}

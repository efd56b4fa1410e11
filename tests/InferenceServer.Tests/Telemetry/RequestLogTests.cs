using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Core;
using Serilog.Events;

namespace InferenceServer.Tests.Telemetry;

[Collection(SharedServer.Name)]
public sealed class RequestLogTests(SegmentationServer server)
{
    [Theory]
    [InlineData("/health/live")]
    [InlineData("/v1/models/none")]
    [InlineData("/no/such/route")]
    public async Task RequestId_OfTheClient_ComesBack(string path) =>
        Assert.Equal("street-42.a:b_c", await IdAsync(path, "street-42.a:b_c"));

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
    [InlineData("/v1/segment/none", 404, "unknown_model", "There is no model 'none'")]
    [InlineData("/v1/segment/tiny?format=no", 400, "bad_request", "format")]
    public async Task Line_OfARefusal_SaysWhy(string path, int status, string reason, string why)
    {
        IReadOnlyDictionary<string, LogEventPropertyValue> fields = await LineAsync(path);

        Assert.Equal(
            [
                "Client", "ConnectionId", "Detail", "ElapsedMs", "Method", "Path", "Reason", "RequestBytes", "RequestId",
                "RequestPath", "SourceContext", "Status"
            ],
            fields.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            (status.ToString(CultureInfo.InvariantCulture), $"\"{reason}\""),
            (fields["Status"].ToString(), fields["Reason"].ToString()));
        Assert.Contains(why, fields["Detail"].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Line_OfAMask_HasNoReason()
    {
        IReadOnlyDictionary<string, LogEventPropertyValue> fields = await LineAsync("/v1/segment/tiny");

        Assert.Equal(
            [
                "Client", "ConnectionId", "ElapsedMs", "Method", "Path", "RequestBytes", "RequestId", "RequestPath",
                "SourceContext", "Status"
            ],
            fields.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            $"\"POST\" \"/v1/segment/tiny\" 200 {Photo.Png.Length}",
            $"{fields["Method"]} {fields["Path"]} {fields["Status"]} {fields["RequestBytes"]}");
    }

    private static async Task<IReadOnlyDictionary<string, LogEventPropertyValue>> LineAsync(string path)
    {
        LogLines lines = new();
        await using SegmentationServer own = new(
            [("environment", "Production"), ("Serilog:MinimumLevel", "Information")],
            services => services.AddSingleton<ILogEventSink>(lines));
        await own.InitializeAsync();

        using HttpResponseMessage response = await own.Client.PostAsync(path, Photo.Content(Photo.Png));

        return (await lines.WaitForAsync("→")).Properties;
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

using System.Net.Sockets;
using System.Text;

namespace InferenceServer.Tests.Segment;

/// <summary>Requests that no client library writes, byte by byte.</summary>
[Collection(SharedServer.Name)]
public sealed class HostileRequestTests(SegmentationServer server)
{
    [Theory]
    [InlineData("POST /v1/segment/..%2f..%2fetc%2fpasswd", "404")]
    [InlineData("POST /v1/segment/%2e%2e%2f%2e%2e%2ftiny", "404")]
    [InlineData("POST /v1/segment/..%5c..%5ctiny", "404")]
    [InlineData("POST /v1/segment/tiny%00", "400")]
    [InlineData("POST /v1/segment/%2fetc%2fpasswd", "404")]
    [InlineData("GET /v1/models/..%2ftiny", "404")]
    [InlineData("GET /v1/models/%2e%2e", "404")]
    [InlineData("GET /v1/models/tiny/versions/..%2f1", "404")]
    [InlineData("GET /v1/models/tiny/../../../etc/passwd", "404")]
    [InlineData("GET /swagger/..%2fappsettings.json", "404")]
    [InlineData("GET /swagger/../appsettings.json", "404")]
    [InlineData("GET /v1/models/tiny%ff%fe", "404")]
    public async Task Path_ThatClimbs_LeadsNowhere(string line, string status) =>
        Assert.Equal(status, await StatusAsync($"{line} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));

    [Fact]
    public async Task Headers_TooLarge_Answers431() =>
        Assert.Equal("431", await StatusAsync($"GET /v1/models HTTP/1.1\r\nHost: test\r\nX-Long: {new string('a', 17_000)}\r\n\r\n"));

    [Fact]
    public async Task Headers_TooMany_Answers431() =>
        Assert.Equal(
            "431",
            await StatusAsync(
                "GET /v1/models HTTP/1.1\r\nHost: " +
                $"test\r\n{string.Concat(Enumerable.Range(0, 120).Select(i => $"X-{i}: 1\r\n"))}\r\n"));

    [Fact]
    public async Task Line_TooLong_Answers414() =>
        Assert.Equal("414", await StatusAsync($"GET /v1/models?a={new string('a', 9_000)} HTTP/1.1\r\nHost: test\r\n\r\n"));

    [Theory]
    [InlineData(
        "POST /v1/segment HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: " +
        "chunked\r\nConnection: close\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /v1/segment HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde")]
    [InlineData("POST /v1/segment HTTP/1.1\r\nHost: test\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST /v1/segment HTTP/1.1\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("POST /v1/segment HTTP/9.9\r\nHost: test\r\n\r\n")]
    [InlineData("\0\0\0\0\r\n\r\n")]
    public async Task Request_ThatTwoServersMightReadDifferently_IsRefused(string request) =>
        Assert.InRange(int.Parse(await StatusAsync(request), System.Globalization.CultureInfo.InvariantCulture), 400, 505);

    public static TheoryData<string, string> ReadingRoutes => new()
    {
        { "/v1/segment", "image/png" }, { "/v1/segment/tiny", "application/json" }, { "/v1/segment", "multipart/form-data; boundary=x" },
        { "/v1/segment/tiny/versions/1", "image/png" }, { "/v1/segment:batch", "application/zip" },
        { "/v1/segment:batch", "multipart/form-data; boundary=x" }, { "/v2/models/tiny/infer", "application/json" },
        { "/v1/refine", "multipart/form-data; boundary=x" },
        { "/v2/models/tiny.image/infer", "application/octet-stream" }, { "/v2/repository/index", "application/json" },
        { "/huggingface", "image/png" }, { "/huggingface/tiny", "application/json" }, { "/label-studio/predict", "application/json" },
        { "/api/function_invocations", "application/json" }, { "/api/remove", "multipart/form-data; boundary=x" },
        { "/x-anylabeling/v1/predict", "application/json" },
    };

    [Theory, MemberData(nameof(ReadingRoutes))]
    public async Task Length_OfNineExabytes_Answers413(string route, string type) => Assert.Equal(
        "413", await StatusAsync(
            $"POST {route} HTTP/1.1\r\nHost: test\r\nContent-Type: {type}\r\nx-nuclio-function-name: tiny\r\n"
            + "Content-Length: 9000000000000000000\r\n\r\n"));

    [Theory, MemberData(nameof(ReadingRoutes))]
    public async Task Chunk_OfASizeThatIsNoNumber_Answers400(string route, string type)
    {
        foreach (string size in (string[])["ffffffffffffffff", "7fffffffffffffff", "80000000", "-1", "x", "0x10", ""])
        {
            string status = await StatusAsync(
                $"POST {route} HTTP/1.1\r\nHost: test\r\nContent-Type: {type}\r\nx-nuclio-function-name: tiny\r\n"
                + $"Transfer-Encoding: chunked\r\n\r\n{size}\r\nabc\r\n");

            Assert.Equal((size, "400"), (size, status));
        }
    }

    private async Task<string> StatusAsync(string request)
    {
        using TcpClient client = new();
        Uri address = server.Client.BaseAddress!;
        await client.ConnectAsync(address.Host, address.Port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(request));
        using StreamReader reader = new(client.GetStream(), Encoding.Latin1);
        string line = await reader.ReadLineAsync() ?? "";
        return line.Split(' ') is [_, { } status, ..] ? status : line;
    }
}

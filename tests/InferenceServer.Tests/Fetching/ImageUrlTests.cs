using System.Net;
using System.Net.Http.Json;

namespace InferenceServer.Tests.Fetching;

/// <summary>Images by URL: who may be asked for them, and what becomes of those who may not.</summary>
public sealed class ImageUrlTests
{
    [Fact]
    public async Task Segment_ListedHost_IsTheMask()
    {
        await using ImageHost host = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Fetch:PrivateHosts:0", host.Authority));

        using HttpResponseMessage response = await PostAsync(server, new Uri(host.Address, "a.png"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Photo.Labels, await response.Content.ReadAsByteArrayAsync());
        Assert.Equal([""], host.Authorizations);
    }

    [Fact]
    public async Task Segment_NoHostListed_NamesTheOption()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();

        using HttpResponseMessage response = await PostAsync(server, new Uri("http://127.0.0.1/"));

        Assert.Contains("Fetch:Hosts", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/")]
    [InlineData("http://example.org/")]
    [InlineData("http://localhost.:80/")]
    [InlineData("http://user:secret@open.example/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://open.example/")]
    [InlineData("//open.example/")]
    [InlineData("gopher://open.example/")]
    public async Task Segment_HostNotListed_IsRefused(string url)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Fetch:Hosts:0", "open.example"));

        using HttpResponseMessage response = await server.Client.PostAsJsonAsync("/v1/segment/tiny", new { url });

        Assert.Contains("was refused", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Segment_HostOfTheInternetWithALocalAddress_IsRefused()
    {
        await using ImageHost host = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Fetch:Hosts:0", host.Authority), ("Fetch:Hosts:1", $"localhost:{host.Address.Port}"));

        foreach (Uri url in (Uri[])[host.Address, new($"http://localhost:{host.Address.Port}/")])
        {
            using HttpResponseMessage response = await PostAsync(server, url);
            Assert.Contains("private network", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
        }

        Assert.Empty(host.Authorizations);
    }

    [Fact]
    public async Task Segment_RedirectToAHostNotListed_IsRefused()
    {
        await using ImageHost inner = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using ImageHost outer = await ImageHost.StartAsync(http => Redirect(http, inner.Address));
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Fetch:PrivateHosts:0", outer.Authority));

        using HttpResponseMessage response = await PostAsync(server, outer.Address);

        Assert.Contains(inner.Authority, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
        Assert.Empty(inner.Authorizations);
    }

    [Fact]
    public async Task Segment_RedirectsAmongListedHosts_AreFollowedButNotForEver()
    {
        await using ImageHost host = await ImageHost.StartAsync(http =>
            http.Request.Path == "/end"
                ? http.Response.Body.WriteAsync(Photo.Png).AsTask()
                : Redirect(http, http.Request.Path == "/start" ? "/end" : "/loop"));
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Fetch:PrivateHosts:0", host.Authority));

        using HttpResponseMessage found = await PostAsync(server, new Uri(host.Address, "start"));
        using HttpResponseMessage lost = await PostAsync(server, new Uri(host.Address, "loop"));

        Assert.Equal(Photo.Labels, await found.Content.ReadAsByteArrayAsync());
        Assert.Contains(
            "at most 3 redirects", await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, lost),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Segment_HostThatFails_IsExplained()
    {
        TaskCompletionSource never = new();
        await using ImageHost host = await ImageHost.StartAsync(async http =>
        {
            switch (http.Request.Path.Value)
            {
                case "/large":
                    await http.Response.Body.WriteAsync(new byte[5000]);
                    break;
                case "/slow":
                    await http.Response.Body.FlushAsync();
                    await never.Task.WaitAsync(http.RequestAborted);
                    break;
                case "/nowhere":
                    http.Response.StatusCode = 302;
                    http.Response.Headers.Location = "//";
                    break;
                case "/html":
                    await http.Response.Body.WriteAsync("<html>"u8.ToArray());
                    break;
                default:
                    http.Response.StatusCode = 404;
                    break;
            }
        });
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Fetch:PrivateHosts:0", host.Authority),
            ("Fetch:Timeout", "00:00:00.200"),
            ("Decoding:MaxBytes", "4096"));

        foreach ((string path, HttpStatusCode status, string reason) in ((string, HttpStatusCode, string)[])[
            ("missing", HttpStatusCode.UnprocessableEntity, "answered 404"), ("large", HttpStatusCode.RequestEntityTooLarge, "4,096 bytes"),
            ("slow", HttpStatusCode.UnprocessableEntity, "within 0.2 s"),
            ("nowhere", HttpStatusCode.UnprocessableEntity, "an invalid URL"),
            ("html", HttpStatusCode.UnsupportedMediaType, "")])
        {
            using HttpResponseMessage response = await PostAsync(server, new Uri(host.Address, path));
            Assert.Contains(reason, await ProblemAssert.IsAsync(status, response), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"url\": 5}")]
    [InlineData("{\"url\":")]
    [InlineData("{\"url\": \"\\ud800\"}")] // half of a character
    public async Task Segment_OtherJson_IsExplained(string json)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Fetch:Hosts:0", "open.example"));
        using StringContent content = new(json, System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny", content);

        Assert.Contains("The body is wrong", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    private static Task Redirect(Microsoft.AspNetCore.Http.HttpContext http, object to)
    {
        http.Response.StatusCode = 302;
        http.Response.Headers.Location = to.ToString();
        return Task.CompletedTask;
    }

    private static Task<HttpResponseMessage> PostAsync(SegmentationServer server, Uri url) =>
        server.Client.PostAsJsonAsync("/v1/segment/tiny?format=raw", new { url });
}

using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Auth;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Jobs;

/// <summary>Jobs of several servers: NATS distributes the work, a bucket has everything else.</summary>
public sealed class SharedJobTests(S3Server s3) : JobTestBase, IClassFixture<S3Server>
{
    private const int Images = 40;

    [SharedJobsFact]
    public async Task Job_OfABucket_IsTheSameOnEveryServer()
    {
        using NatsServer nats = await NatsServer.StartAsync();
        await PutAsync("same/in");
        await using SegmentationServer one = await StartAsync(nats, "same"), two = await StartAsync(nats, "same", ("Jobs:Workers", "0"));

        Uri job = await PostAsync(two, "same");
        JsonElement end = (await WatchAsync(one, job))[^1];

        Assert.Equal(("done", Images, 0), Progress(end));
        Assert.Equal(end.GetRawText(), (await two.Client.GetFromJsonAsync<JsonElement>(job)).GetRawText());
        JsonElement listed = await two.Client.GetFromJsonAsync<JsonElement>("/v1/jobs");
        Assert.Equal(end.GetRawText(), Assert.Single(listed.EnumerateArray()).GetRawText());
        Assert.Equal(Images, (await ResultAsync(two, job)).Count);
        await AssertMasksAsync("same/out");
        using HttpResponseMessage deleted = await one.Client.DeleteAsync(job);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        await Eventually.TrueAsync(async () => (await two.Client.GetAsync(job)).StatusCode == HttpStatusCode.NotFound);
    }

    [SharedJobsFact]
    public async Task Job_OfUploads_IsWorkedOnByAnotherServer()
    {
        using NatsServer nats = await NatsServer.StartAsync();
        await using SegmentationServer worker = await StartAsync(nats, "uploads"),
            front = await StartAsync(nats, "uploads", ("Jobs:Workers", "0"));

        Uri job = await CreateAsync(front, "?format=raw", ("a.png", Photo.Png), ("b.txt", [1]), ("c.png", Photo.Plain(5, 4, 2)));
        JsonElement end = (await WatchAsync(front, job))[^1];
        Dictionary<int, JsonElement> lines = await ResultAsync(front, job);

        Assert.Equal(("done", 2, 1), Progress(end));
        Assert.Equal(Photo.Labels, lines[0].GetProperty("mask").GetBytesFromBase64());
        Assert.Equal(("b.txt", 415), (lines[1].GetProperty("name").GetString(), lines[1].GetProperty("status").GetInt32()));
    }

    [SharedJobsFact]
    public async Task Job_BrokerThatLosesItsDisk_EndsWithAllMasks()
    {
        using NatsServer nats = await NatsServer.StartAsync();
        await PutAsync("lost/in");
        await using SegmentationServer front = await StartAsync(nats, "lost", ("Jobs:Workers", "0"));
        Uri job = await PostAsync(front, "lost");
        await using (SegmentationServer first = await StartAsync(nats, "lost", ("Jobs:Workers", "1")))
        {
            await Eventually.TrueAsync(() => HasBegunAsync(front, job));
        }

        nats.Kill(losesItsDisk: true);
        JsonElement meanwhile = await front.Client.GetFromJsonAsync<JsonElement>(job);
        await nats.StartAgainAsync();
        await using SegmentationServer second = await StartAsync(nats, "lost");
        JsonElement end = (await WatchAsync(front, job))[^1];

        Assert.Equal("running", meanwhile.GetProperty("state").GetString());
        Assert.Equal(("done", Images, 0), Progress(end));
        await AssertMasksAsync("lost/out");
    }

    [SharedJobsFact]
    public async Task Job_StoreThatIsAway_IsAnsweredForAndGoesOn()
    {
        using NatsServer nats = await NatsServer.StartAsync();
        await PutAsync("away/in");
        await using SegmentationServer server = await StartAsync(nats, "away", ("Jobs:Workers", "1"), ("S3:Timeout", "00:00:02"));
        Uri job = await PostAsync(server, "away");
        await Eventually.TrueAsync(() => HasBegunAsync(server, job));

        s3.Stop();
        JsonElement known = await server.Client.GetFromJsonAsync<JsonElement>(job);
        using HttpResponseMessage refused = await server.Client.PostAsync("/v1/jobs", Json(Body("away")));
        using HttpResponseMessage unknown = await server.Client.GetAsync("/v1/jobs/" + new string('0', 32));
        await s3.StartAsync();

        Assert.True(known.GetProperty("done").GetInt32() > 3);
        await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, refused);
        await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, unknown);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(("done", Images, 0), Progress((await WatchAsync(server, job))[^1]));
        await AssertMasksAsync("away/out");
    }

    [SharedJobsFact]
    public async Task Job_BrokerThatIsAway_IsAcceptedAndStartsLater()
    {
        using NatsServer nats = await NatsServer.StartAsync();
        await PutAsync("later/in");
        await using SegmentationServer server = await StartAsync(nats, "later");
        nats.Kill();
        Uri job = await PostAsync(server, "later");
        Assert.Equal(("queued", 0, 0), Progress(await server.Client.GetFromJsonAsync<JsonElement>(job)));

        await nats.StartAgainAsync();

        Assert.Equal(("done", Images, 0), Progress((await WatchAsync(server, job))[^1]));
    }

    [SharedJobsFact]
    public async Task Quota_OfAKey_HoldsForAllServers()
    {
        const int Quota = 1_000_000;
        using NatsServer nats = await NatsServer.StartAsync();
        (string, string)[] security =
        [
            ("Security:Keys:lab:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData("lab"u8))),
            ("Security:Keys:lab:RequestsPerDay", $"{Quota}"),
        ];
        await using SegmentationServer one = await StartAsync(nats, "quota", security), two = await StartAsync(nats, "quota", security);
        KeyBudget here = one.Services.GetRequiredService<KeyRing>().Budgets.Single().Budget;
        KeyBudget there = two.Services.GetRequiredService<KeyRing>().Budgets.Single().Budget;
        for (int i = 0; i < Quota; i++)
        {
            Assert.Null(here.Take());
        }

        await Eventually.TrueAsync(() => there.Take() is not null);

        Assert.InRange(there.Usage.Total, 0, Quota / 2); // it was refused for what the other server has granted
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static string Body(string place) =>
        $$$"""
        {"model": "tiny", "parameters": {"format": "raw"}, "sources": [{"uri": "s3://{{{S3Server.Bucket}}}/{{{place}}}/in/"}],
         "target": {"uri": "s3://{{{S3Server.Bucket}}}/{{{place}}}/out"}}
        """;

    private static async Task<Uri> PostAsync(SegmentationServer server, string place)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", Json(Body(place)));
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync());
        return response.Headers.Location!;
    }

    private static async Task<bool> HasBegunAsync(SegmentationServer server, Uri job) =>
        (await server.Client.GetFromJsonAsync<JsonElement>(job)).GetProperty("done").GetInt32() > 3;

    private static byte[] Image(int i) => Photo.Plain(8 + i, 8, (byte)(i % 3));

    private async Task PutAsync(string place)
    {
        IObjectStore store = s3.Open($"s3://{S3Server.Bucket}/{place}");
        for (int i = 0; i < Images; i++)
        {
            await store.WriteAsync($"{i:D3}.png", new MemoryStream(Image(i)), "image/png", WriteMode.Replace, CancellationToken.None);
        }
    }

    private async Task AssertMasksAsync(string place)
    {
        IObjectStore store = s3.Open($"s3://{S3Server.Bucket}/{place}");
        for (int i = 0; i < Images; i++)
        {
            using Stream? mask = await store.OpenAsync($"{i:D3}.png.raw", CancellationToken.None);
            using MemoryStream bytes = new();
            await mask!.CopyToAsync(bytes);
            Assert.Equal(Enumerable.Repeat((byte)(i % 3), (8 + i) * 8), bytes.ToArray());
        }

        Assert.NotNull(await store.FindAsync("_SUCCESS", CancellationToken.None));
    }

    private Task<SegmentationServer> StartAsync(NatsServer nats, string place, params (string Key, string Value)[] settings) =>
        SegmentationServer.StartAsync(
        [
            ("Jobs:Engine", "Nats"), ("Nats:Url", nats.Url), ("S3:Endpoint", s3.Url), ("Jobs:Path", $"s3://{S3Server.Bucket}/{place}/jobs"),
            ("Jobs:Sources:0", $"s3://{S3Server.Bucket}/"), ("Jobs:Targets:0", $"s3://{S3Server.Bucket}/"), .. settings,
        ]);
}

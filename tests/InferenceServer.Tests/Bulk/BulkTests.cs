using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Bulk;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using InferenceServer.Tests.Telemetry;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Tests.Bulk;

/// <summary>Many images in one request: all answered, whatever is wrong with some.</summary>
[Collection(SharedServer.Name)]
public sealed class BulkTests(SegmentationServer server)
{
    [Fact]
    public async Task Form_ManyImages_EachHasItsMask()
    {
        using MultipartFormDataContent form = [];
        for (byte i = 0; i < 12; i++)
        {
            form.Add(Photo.Content(Photo.Plain(20 + i, 10, (byte)(i % 3))), "image", $"photo {i}.png");
        }

        JsonElement[] lines = await LinesAsync("/v1/segment:batch?model=tiny&format=raw", form);

        Assert.Equal(Enumerable.Range(0, 12), lines.Select(l => l.GetProperty("index").GetInt32()).Order());
        foreach (JsonElement line in lines)
        {
            int index = line.GetProperty("index").GetInt32();
            Assert.Equal(
                ($"photo {index}.png", 200, 20 + index, 10),
                (
                    line.GetProperty("name").GetString(), line.GetProperty("status").GetInt32(),
                    line.GetProperty("width").GetInt32(), line.GetProperty("height").GetInt32()));
            Assert.Equal(Enumerable.Repeat((byte)(index % 3), (20 + index) * 10), line.GetProperty("mask").GetBytesFromBase64());
        }
    }

    [Theory]
    [InlineData("filename=\"a.png\"; filename*", "")] // found by the fuzzer: a parameter without its value
    [InlineData("name=image; filename*=UTF-7''a.png", "")] // and an encoding that .NET refuses
    [InlineData("name=image; filename=\"=?utf-7?B?QUFB?=\"", "")]
    [InlineData("name; filename", "")]
    [InlineData("name=image; filename*=UTF-8''%e2%82%ac.png", "\u20ac.png")]
    [InlineData("name=image; filename*=UTF-8''%zz", "%zz")]
    public async Task Form_PartsOfAnyName_HaveTheirMasks(string disposition, string name)
    {
        byte[] form =
        [
            .. Encoding.UTF8.GetBytes($"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"), .. Photo.Png,
            .. "\r\n--x--\r\n"u8
        ];

        JsonElement line = Assert.Single(await LinesAsync("/v1/segment:batch", Photo.Content(form, "multipart/form-data; boundary=x")));

        Assert.Equal((200, name), (line.GetProperty("status").GetInt32(), line.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task Zip_WithADamagedImage_HasAllOtherMasks()
    {
        using ByteArrayContent zip = ZipFile.Of(
            ("a/one.png", Photo.Png), ("a/readme.txt", "no image"u8.ToArray()), ("two.png", Photo.Png[..^30]),
            ("three.png", Photo.Png));

        JsonElement[] lines = [.. (await LinesAsync("/v1/segment:batch?format=json", zip)).OrderBy(l => l.GetProperty("index").GetInt32())];

        Assert.Equal(["a/one.png", "a/readme.txt", "two.png", "three.png"], lines.Select(l => l.GetProperty("name").GetString()));
        Assert.Equal([200, 415, 422, 200], lines.Select(l => l.GetProperty("status").GetInt32()));
        Assert.Equal("urn:inference-server:unsupported-media-type", lines[1].GetProperty("type").GetString());
        Assert.Equal(3, lines[3].GetProperty("mask").GetProperty("classes").GetArrayLength());
    }

    [Fact]
    public async Task Multipart_Accepted_HasAPartForEachImage()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment:batch")
        {
            Content = ZipFile.Of(("ä.png", Photo.Png), ("b.txt", [1, 2, 3])),
        };
        request.Headers.Accept.ParseAdd("multipart/mixed");
        using HttpResponseMessage response = await server.Client.SendAsync(request);

        MultipartReader reader = new(
            response.Content.Headers.ContentType!.Parameters.Single(p => p.Name == "boundary").Value!,
            await response.Content.ReadAsStreamAsync());
        Dictionary<string, (string? Type, byte[] Body)> parts = [];
        while (await reader.ReadNextSectionAsync() is { } section)
        {
            using MemoryStream body = new();
            await section.Body.CopyToAsync(body);
            parts.Add(section.Headers!["X-Index"].ToString(), (section.ContentType, body.ToArray()));
        }

        Assert.Equal(2, parts.Count);
        Assert.Equal("image/png", parts["0"].Type);
        Assert.Equal(Photo.Labels, PngImage.Read(parts["0"].Body).Samples);
        Assert.Equal("application/problem+json", parts["1"].Type);
        Assert.Equal(415, JsonDocument.Parse(parts["1"].Body).RootElement.GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task FullServer_Images_WaitForTheirTurn()
    {
        await using SegmentationServer busy = await SegmentationServer.StartAsync(
            ("Scheduling:MaxRequests", "2"), ("Bulk:Concurrency", "8"));
        using ByteArrayContent zip = ZipFile.Of([.. Enumerable.Range(0, 16).Select(i => ($"{i}.png", Photo.Png))]);
        using HttpResponseMessage response = await busy.Client.PostAsync("/v1/segment:batch?format=json", zip);

        string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(16, lines.Count(l => l.Contains("\"status\":200", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task FullOfPixels_Images_WaitForTheirTurn()
    {
        await using SegmentationServer busy = await SegmentationServer.StartAsync(("Scheduling:MaxPixelsInFlight", "2000"));
        using GatedSession gate = new(busy.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        using ByteArrayContent zip = ZipFile.Of([.. Enumerable.Range(0, 6).Select(i => ($"{i}.png", Photo.Png))]);
        Task<HttpResponseMessage> request = busy.Client.PostAsync("/v1/segment:batch?format=json", zip);
        // One runs, and another has asked for the room that it takes.
        await Eventually.TrueAsync(() => gate.Runs.Count == 1 && busy.InFlight.Requests > 1);

        gate.Open();
        using HttpResponseMessage response = await request;

        string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(6, lines.Count(l => l.Contains("\"status\":200", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task FullBeforeItsFirstRun_Turn_WaitsWithoutSpinning()
    {
        await using SegmentationServer full = await SegmentationServer.StartAsync(("Scheduling:MaxRequests", "1"));
        using ModelLease model = full.Services.GetRequiredService<ModelRepository>().Lease("tiny");
        Segmenter segmenter = full.Services.GetRequiredService<Segmenter>();
        AdmittedRequest other = segmenter.Admit("tiny", CancellationToken.None);
        FakeTimeProvider clock = new();
        BulkSettings order = new(model, new SegmentSettings(), Budget: null, "/v1/segment:batch");
        using BulkItem turn = new(
            new BulkImage(0, "a.png", new PooledBufferWriter()), order, new RetryingAdmission(segmenter, clock),
            full.Services.GetRequiredService<SegmentHandler>(),
            full.Services.GetRequiredService<SegmentationMetrics>(), NullLogger.Instance);

        Task entering = turn.EnterAsync(CancellationToken.None); // comes back, although the server cannot tell how long it takes

        Assert.False(entering.IsCompleted);
        other.Dispose();
        await Eventually.TrueAsync(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            return entering.IsCompleted;
        });
        Assert.Equal(1, full.InFlight.Requests);
    }

    [Fact]
    public async Task Answer_WhileItIsTaken_HoldsNothingButItself()
    {
        HttpContent zip = ZipFile.Of(("a.png", Photo.Png), ("b.png", Photo.Png));
        DefaultHttpContext http = new() { Request = { ContentType = "application/zip", Body = await zip.ReadAsStreamAsync() } };
        await using SegmentationServer own = await SegmentationServer.StartAsync();
        List<long> held = [];
        using (ModelLease model = own.Services.GetRequiredService<ModelRepository>().Lease("tiny"))
        using (Upload upload = await Upload.ReceiveAsync(http.Request, new BulkOptions(), _ => { }, CancellationToken.None))
        {
            await own.Services.GetRequiredService<BulkRunner>().RunAsync(
                upload, new BulkSettings(model, new SegmentSettings(), Budget: null, "/v1/segment:batch"),
                answer =>
                {
                    Assert.False(answer.KeepsPlace);
                    held.Add(own.InFlight.AnswerBytes - answer.Mask.Length);
                    return Task.CompletedTask;
                },
                CancellationToken.None);
        }

        Assert.All(held, others => Assert.True(others >= 0));
        Assert.Equal((2, 0, 0L, 0L), (held.Count, own.InFlight.Requests, own.InFlight.Bytes, own.InFlight.AnswerBytes));
    }

    [Fact]
    public async Task Image_ThatTheServerFailsAt_StopsNoOther()
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync(("Bulk:Concurrency", "1"));
        int runs = 0;
        using GatedSession gate = new(own.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!)
        {
            Ran = _ => throw (++runs == 2 ? new DivideByZeroException("unforeseen") : new InvalidOperationException("foreseen")),
        };
        gate.Open();

        using HttpResponseMessage response = await own.Client.PostAsync(
            "/v1/segment:batch", ZipFile.Of(("a.png", Photo.Png), ("b.png", Photo.Png), ("c.txt", [1, 2, 3])));

        string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([500, 500, 415], lines.Select(l => JsonDocument.Parse(l).RootElement.GetProperty("status").GetInt32()));
        Assert.DoesNotContain("foreseen", string.Concat(lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_MoreThanMayBe_AreRefusedBeforeTheirBody()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Bulk:MaxRequests", "1"));
        using GatedSession gate = new(small.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        Task<HttpResponseMessage> first = small.Client.PostAsync("/v1/segment:batch", ZipFile.Of(("a.png", Photo.Png)));
        await Eventually.TrueAsync(() => gate.Runs.Count == 1);

        using HttpRequestMessage asking = new(HttpMethod.Post, "/v1/segment:batch")
        {
            Content = ZipFile.Of(("b.png", Photo.Png)),
            Headers = { ExpectContinue = true },
        };
        using HttpResponseMessage refused = await small.Client.SendAsync(asking);

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused);
        Assert.NotNull(refused.Headers.RetryAfter);
        gate.Open();
        using HttpResponseMessage served = await first;
        using HttpResponseMessage next = await small.Client.PostAsync("/v1/segment:batch", ZipFile.Of(("c.png", Photo.Png)));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (served.StatusCode, next.StatusCode));
    }

    [Fact]
    public async Task Reload_InTheMiddle_ChangesNothing()
    {
        ModelsFolder folder = new();
        folder.Add("tiny", 1);
        await using (SegmentationServer own = await SegmentationServer.StartAsync(("Models:Path", folder.Path), ("Bulk:Concurrency", "1")))
        {
            ModelRepository repository = own.Services.GetRequiredService<ModelRepository>();
            using GatedSession gate = new(repository.Entry("tiny").Model!);
            using ByteArrayContent zip = ZipFile.Of([.. Enumerable.Range(0, 4).Select(i => ($"{i}.png", Photo.Png))]);
            Task<HttpResponseMessage> request = own.Client.PostAsync("/v1/segment:batch?format=json", zip);
            await Eventually.TrueAsync(() => gate.Runs.Count == 1);
            folder.Add("tiny", 2);
            Assert.Equal(2, repository.Reload("tiny", CancellationToken.None).Model!.Version);

            gate.Open();
            using HttpResponseMessage response = await request;

            string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(4, lines.Count(l => l.Contains("\"version\":1,", StringComparison.Ordinal)));
        }

        folder.Delete();
    }

    [Theory]
    [InlineData("*/*")]
    [InlineData("application/json, text/plain, */*")] // axios's own
    public async Task Form_LargeMaskAndAnyAccept_IsTheWholeMask(string accept)
    {
        using MultipartFormDataContent form = new() { { Photo.Content(Photo.Plain(400, 300, 2)), "image", "a.png" } };
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment:batch?format=raw") { Content = form };
        request.Headers.Accept.ParseAdd(accept);
        using HttpResponseMessage response = await server.Client.SendAsync(request);

        JsonElement line = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

        Assert.Equal(Enumerable.Repeat((byte)2, 400 * 300), line.GetProperty("mask").GetBytesFromBase64());
    }

    [Fact]
    public async Task Stream_ThatBreaksOff_IsNoSuccess()
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync(("Bulk:MaxImages", "1"));
        using Measurements measured = new(own);

        using HttpResponseMessage response = await own.Client.PostAsync(
            "/v1/segment:batch", ZipFile.Of(("a.png", Photo.Png), ("b.png", Photo.Png)));

        Assert.Contains("at most 1 images", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await measured.UntilAsync("seg_requests_total{code=413,model=tiny,route=/v1/segment:batch,version=}", 1);
        await measured.UntilAsync("seg_requests_total{code=200,model=tiny,route=/v1/segment:batch,version=1}", 1);
    }

    [Fact]
    public async Task Key_WithAQuota_PaysForEachImage()
    {
        string hash = "sha256:" + Convert.ToHexStringLower(SHA256.HashData("secret"u8));
        await using SegmentationServer own = await SegmentationServer.StartAsync(
            ("Security:Keys:lab:Hash", hash), ("Security:Keys:lab:RequestsPerDay", "3"));
        own.Client.DefaultRequestHeaders.Add("X-API-Key", "secret");

        using HttpResponseMessage response = await own.Client.PostAsync(
            "/v1/segment:batch", ZipFile.Of([.. Enumerable.Range(0, 5).Select(i => ($"{i}.png", Photo.Png))]));

        int[] statuses =
        [
            .. (await response.Content.ReadAsStringAsync())
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(l => JsonDocument.Parse(l).RootElement.GetProperty("status").GetInt32())
        ];
        Assert.Equal([200, 200, 200, 429, 429], statuses.Order());
    }

    [Fact]
    public async Task Images_EachAnswered_AreCountedLikeRequests()
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync();
        using Measurements measured = new(own);
        byte[] zip = await ZipFile.Of(
            ("a.png", Photo.Png), ("b.txt", [1, 2, 3]), ("c.png", Photo.Png), ("d.png", Photo.Png))
            .ReadAsByteArrayAsync();

        using HttpResponseMessage whole = await own.Client.PostAsync("/v1/segment:batch?model=tiny", Photo.Content(zip, "application/zip"));
        await whole.Content.ReadAsStringAsync();

        await measured.UntilAsync("seg_requests_total{code=200,model=tiny,route=/v1/segment:batch,version=1}", 3);
        await measured.UntilAsync("seg_requests_total{code=415,model=tiny,route=/v1/segment:batch,version=1}", 1);
        await measured.UntilAsync("seg_requests_rejected_total{model=tiny,reason=bad_image}", 1);
        await measured.UntilAsync("seg_in_flight{model=tiny}", 0);
        Assert.True(measured["seg_stage_duration_seconds{model=tiny,priority=batch,stage=infer}"] > 0);
    }

    private async Task<JsonElement[]> LinesAsync(string path, HttpContent content)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(path, content);
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType?.MediaType);
        return [.. body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }
}

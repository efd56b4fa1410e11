using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Mutated zips and forms of many images, answered on the connection, which some hang up, or as a job, which
/// is looked at and deleted again. Half of the jobs are mutated JSON over places.</summary>
internal sealed class BulkCase(FuzzTarget target, bool asJob) : IFuzzCase
{
    private static readonly string[] Queries =
    [
        "", "?format=json", "?format=raw&model=tiny-labels", "?format=polygons&tolerance=2", "?timeout=1000",
        "?timeout=0", "?geotransform=0,1e308,0,0,0,1e-300&format=geojson"
    ];

    private static readonly byte[][] Zips =
    [
        Zip(CompressionLevel.NoCompression), Zip(CompressionLevel.Fastest),
        [.. Zip(CompressionLevel.NoCompression)[..^2], 4, 0, .. "PK\u0005\u0006"u8]
    ];

    private static readonly byte[] Form =
    [
        .. "--xyz\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"u8, .. Seeds.Png,
        .. "\r\n--xyz\r\nContent-Disposition: form-data; name=\"image\"; "u8 +
            "filename*=UTF-8''%e2%82%ac.txt\r\nContent-Type: image/png\r\n\r\nno image\r\n--xyz--\r\n"u8,
    ];

    private static readonly string[] Types =
    [
        "application/zip", "multipart/form-data; boundary=xyz", "multipart/mixed; boundary=\"xyz\"",
        "application/x-zip-compressed", "multipart/form-data", "text/plain"
    ];

    private static readonly byte[] Pieces =
        [.. "{}[]\"\":,0-1e308null/../**/s3://b/%2e\\u0000\\ud800#?"u8, 0xFF, .. "urlspathuriglobtargetnotifyexisting"u8];

    private string[] Bodies { get; } =
    [
        $$$"""{"sources": [{"path": "{{{target.Data}}}/in/", "glob": "**/*.png"}], """ +
            $$$""" "target": {"path": "{{{target.Data}}}/out", "existing": "skip"}}""",
        $$$"""{"model": "tiny", "sources": [{"path": "{{{target.Data}}}/in/deep/a.png"}], """ +
            """ "parameters": {"format": "json", "tolerance": 1.5}}""",
        """{"sources": [{"urls": ["http://127.0.0.1:1/a.png"]}], "notify": {"webhook": "http://127.0.0.1:1/done"}}""",
        $$$"""{"sources": [{"path": "{{{target.Data}}}/in"}, {"uri": "s3://bucket/in/"}], "target": {"uri": "s3://bucket/out/"}}""",
    ];

    public string Kind => asJob ? "job" : "bulk";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made) =>
        asJob && random.Next(2) == 0 ? RunJsonAsync(random, made) : RunUploadAsync(random, made);

    private async Task<FuzzOutcome> RunJsonAsync(Random random, Action<byte[]> made)
    {
        byte[] seed = Encoding.UTF8.GetBytes(random.Pick(Bodies));
        byte[] body = random.Next(10) == 0 ? seed : Mutator.Mutate(random, seed, Pieces, mostSteps: 3);
        made([.. "/v1/jobs\napplication/json\n"u8, .. body]);
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/jobs") { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        using HttpResponseMessage response = await target.Client.SendAsync(request);
        FuzzOutcome outcome = await Answers.JudgeAsync(response);
        return response.Headers.Location is { } job && outcome.Finding is null ? await FollowAsync(job) : outcome;
    }

    private async Task<FuzzOutcome> RunUploadAsync(Random random, Action<byte[]> made)
    {
        bool isZip = random.Next(3) > 0;
        byte[] seed = isZip ? random.Pick(Zips) : Form;
        byte[] body = !isZip || random.Next(3) == 0 ? Mutator.Mutate(random, seed, seed, mostSteps: 3)
            : random.Next(2) == 0 ? MutateEnd(random, seed)
            : MutateEntry(random, seed);
        string type = random.Next(20) == 0 ? random.Pick(Types) : Types[isZip ? 0 : 1];
        string route = (asJob ? "/v1/jobs" : "/v1/segment:batch") + random.Pick(Queries);
        made([.. Encoding.UTF8.GetBytes($"{route}\n{type}\n"), .. body]);
        using HttpRequestMessage request = new(HttpMethod.Post, route) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        request.Headers.TryAddWithoutValidation("Accept", random.Next(4) > 0 ? "*/*" : "multipart/mixed");
        bool hangsUp = !asJob && random.Next(10) == 0;
        using HttpResponseMessage response = await target.Client.SendAsync(
            request, hangsUp ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead);
        if (hangsUp && response.IsSuccessStatusCode)
        {
            return new FuzzOutcome("hung up", null);
        }

        FuzzOutcome outcome = await Answers.JudgeAsync(response);
        return response.Headers.Location is { } job && outcome.Finding is null ? await FollowAsync(job) : outcome;
    }

    // Lengths, counts and offsets stand in the list and behind it.
    private static byte[] MutateEnd(Random random, byte[] zip)
    {
        int list = zip.AsSpan().IndexOf("PK\u0001\u0002"u8);
        return [.. zip[..list], .. Mutator.Mutate(random, zip[list..], zip, mostSteps: 2)];
    }

    // A bad entry among good ones: its flags, method, checksum, lengths or offset.
    private static byte[] MutateEntry(Random random, byte[] zip)
    {
        const int Fixed = 46, Flags = 8;
        byte[] changed = [.. zip];
        int entry = changed.AsSpan().IndexOf("PK\u0001\u0002"u8);
        for (int skip = random.Next(3); skip > 0 && changed.AsSpan(entry + Fixed).IndexOf("PK\u0001\u0002"u8) is >= 0 and int next; skip--)
        {
            entry += Fixed + next;
        }

        changed[entry + random.Next(Flags, Fixed)] = (byte)random.Next(256);
        return changed;
    }

    private async Task<FuzzOutcome> FollowAsync(Uri job)
    {
        string state = "";
        await foreach (string line in EventsAsync(job))
        {
            state = line.StartsWith("data: ", StringComparison.Ordinal)
                ? JsonDocument.Parse(line[6..]).RootElement.GetProperty("state").GetString()!
                : state;
        }

        using JsonDocument status = JsonDocument.Parse(await target.Client.GetStringAsync(job));
        string reason = status.RootElement.TryGetProperty("reason", out JsonElement told) ? told.GetString()! : "";
        using HttpResponseMessage deleted = await target.Client.DeleteAsync(job);
        return new FuzzOutcome(
            state,
            state is not ("done" or "failed")
                ? $"ended as {state}"
                : reason.StartsWith("The server", StringComparison.Ordinal)
                ? reason
                : null);
    }

    private async IAsyncEnumerable<string> EventsAsync(Uri job)
    {
        using HttpResponseMessage events = await target.Client.GetAsync(job + "/events", HttpCompletionOption.ResponseHeadersRead);
        using StreamReader reader = new(await events.Content.ReadAsStreamAsync());
        while (await reader.ReadLineAsync() is { } line)
        {
            yield return line;
        }
    }

    private static byte[] Zip(CompressionLevel level)
    {
        using MemoryStream file = new();
        using (ZipArchive zip = new(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in ((string, byte[])[])[
                ("a/", []), ("a/one.png", Seeds.Png), ("\u00e9.txt", "no image"u8.ToArray())
            ])
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(bytes);
            }
        }

        return file.ToArray();
    }
}

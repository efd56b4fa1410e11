using System.Text;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Paths, queries and headers that make little sense, with an image that is in order.</summary>
internal sealed class QueryCase(FuzzTarget target) : IFuzzCase
{
    private static readonly string[] Paths =
    [
        "/v1/segment/tiny", "/v1/segment", "/v1/segment/tiny/versions/1", "/v1/segment/tiny/versions/2147483648",
        "/v1/segment/..%2f..%2fetc", "/v1/models", "/v1/models/tiny",
        "/v1/models/tiny/versions/-1", "/v1/models/tiny/unload", "/v1/models//load", "/v1/segment/%01",
        "/health/ready", "/metrics", "/swagger/v1/swagger.json", "/", "/v1/segment/%ff", "//", "/v1/segment/tiny/",
        "/v1/segment:batch", "/v1/refine", "/v1/jobs", "/v1/jobs/x/events", "/huggingface/tiny", "/label-studio/predict",
        "/label-studio/models/tiny/setup", "/api/functions", "/api/function_invocations", "/api/remove", "/x-anylabeling/v1/models",
    ];

    private static readonly string[] Keys =
        ["format", "alpha", "counts", "tolerance", "geotransform", "worldfile", "timeout", "priority", "refine",
        "crf.iterations", "crf.gaussian.weight", "crf.gaussian.xy", "crf.bilateral.weight", "crf.bilateral.xy",
        "crf.bilateral.rgb", "crf.quality", "classes", "energies", "label_confidence", "FORMAT", "unknown", "",
        "mode", "resize", "crop", "stride_rate", "scales", "flip", "fuse", "blend", "halo", "bits", "class", "background"];

    private static readonly string[] Values =
    [
        "", "png", "overlay", "color", "raw", "json", "confidence", "coco-rle", "polygons", "geojson", "geotiff", "cog", "gpkg",
        "masks", "npy", "npy-probabilities", "cutout", "probability",
        "uncompressed", "1,0,0,0,0,-1", "crf", "none", "fast", "exact", "batch", "interactive",
        "0", "1", "-1", "0.5", "1e308", "1e309", "NaN", "Infinity", "-Infinity", "2147483647", "2147483648",
        "99999999999999999999",
        "%00", "%0d%0aX: 1", "%ff", "../..", "0x10", "1,5", "١", "null", "[]", "{}", "1e-320", "20", "500", "100", "0.001",
        "whole", "slide", "16", "16x16", "1,0.5", "0.25,0.5,1,1.5,2", "true", "mean_softmax", "sum_logits", "max_logits",
        "hann", "gaussian",
    ];

    private static readonly string[] Headers =
        [
            "Accept", "X-Request-Timeout-Ms", "X-Priority", "X-Request-Id", "Authorization", "X-API-Key",
            "traceparent", "tracestate", "Content-Type", "x-nuclio-function-name", "Content-Encoding", "Range",
            "If-Match", "Origin", "Cookie", "Expect", "Accept-Encoding", "X-Forwarded-For", "Host"
        ];

    private static readonly string[] HeaderValues =
    [
        "", "*/*", "image/png", "image/png;q=0, */*;q=0.1", "image/png;q=9", "application/json, image/*;q=0.5",
        "text/html", ",,,", ";", "q=", "multipart/form-data", "multipart/form-data; boundary=a", "application/zip",
        "application/json", "tiny", "application/x-www-form-urlencoded", "gzip", "bytes=0-10", "Bearer", "Bearer a b",
        "Basic !",
        "1", "0", "-1", "abc", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-zz-zz-zz", "batch",
        "https://x", "\u00e9", "a=b; c", "application/openmetrics-text; version=1.0.0",
    ];

    private static readonly HttpMethod[] Methods =
    [
        .. Enumerable.Repeat(HttpMethod.Post, 20), HttpMethod.Get, HttpMethod.Head, HttpMethod.Put, HttpMethod.Delete,
        HttpMethod.Options, HttpMethod.Patch
    ];

    public string Kind => "query";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        StringBuilder url = new(random.Next(3) > 0 ? Paths[0] : random.Pick(Paths));
        for (int i = random.Next(5); i > 0; i--)
        {
            url.Append(url.ToString().Contains('?', StringComparison.Ordinal) ? '&' : '?')
                .Append(random.Pick(Keys))
                .Append('=')
                .Append(random.Pick(Values));
            if (random.Next(10) == 0)
            {
                url.Append(new string((char)random.Next(33, 127), random.Next(300))).Replace("#", "");
            }
        }

        HttpMethod method = random.Pick(Methods);
        HttpRequestMessage request = new(method, new Uri("http://localhost" + url));
        if (method == HttpMethod.Post || method == HttpMethod.Put || method == HttpMethod.Patch)
        {
            request.Content = new ByteArrayContent(random.Next(10) == 0 ? [] : Seeds.Png);
        }

        StringBuilder sent = new($"{method} {url}\n");
        for (int i = random.Next(4); i > 0; i--)
        {
            string header = random.Pick(Headers), value = random.Pick(HeaderValues);
            sent.Append(header).Append(": ").Append(value).Append('\n');
            if (!request.Headers.TryAddWithoutValidation(header, value))
            {
                request.Content?.Headers.TryAddWithoutValidation(header, value);
            }
        }

        made(Encoding.UTF8.GetBytes(sent.ToString()));
        return SendAsync(request);
    }

    // An answer to HEAD has no body to judge.
    private async Task<FuzzOutcome> SendAsync(HttpRequestMessage request)
    {
        if (request.Method != HttpMethod.Head)
        {
            return await Answers.SendAsync(target, request);
        }

        using HttpResponseMessage response = await target.Client.SendAsync(request);
        request.Dispose();
        return new FuzzOutcome($"{(int)response.StatusCode}", (int)response.StatusCode == 500 ? "500" : null);
    }
}

using System.Text;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Mutated JSON of the tools whose dialects the server speaks, and of images by URL.</summary>
internal sealed class DialectCase(FuzzTarget target) : IFuzzCase
{
    private const string Config =
        """<View><Image name=\"image\" value=\"$image\"/><BrushLabels name=\"tag\" toName=\"image\"><Label """ +
        """value=\"red\"/></BrushLabels></View>""";
    private static readonly string Polygons = Config.Replace("Brush", "Polygon", StringComparison.Ordinal);

    private static readonly string Image = Convert.ToBase64String(Seeds.Png);

    private static readonly (string Route, string Body)[] Bodies =
    [
        ("/huggingface/tiny", $$$"""{"inputs": "{{{Image}}}", "parameters": {"threshold": 0.5, "subtask": "semantic"}}"""),
        ("/huggingface", $$"""{"inputs": "data:image/png;base64,{{Image}}"}"""),
        (
            "/label-studio/predict",
            $$$"""{"tasks": [{"id": 1, "data": {"image": "/data/upload/1/a.png"}}, {"id": 2, "data": """ +
            $$$"""{"image": "http://127.0.0.1:1/b.png"}}], "label_config": "{{{Config}}}"}"""),
        ("/label-studio/models/tiny/predict", $$$"""{"tasks": [{"data": """ +
            $$$"""{"image": "//"}}], "label_config": "{{{Polygons}}}", "params": {"login": null}}"""),
        (
            "/label-studio/setup",
            """{"project": "1.1700000000", "schema": "<View/>", "hostname": "http://localhost:8080", """ +
            """ "access_token": "token"}"""),
        ("/api/function_invocations", $$"""{"image": "{{Image}}", "threshold": 0.5}"""),
        ("/x-anylabeling/v1/predict", $$$"""{"model": "tiny", "image": "data:image/png;base64,{{{Image}}}", "params": """ +
            """{"conf_threshold": 0.1, "iou_threshold": 0, "epsilon_factor": 0.001, "filter_classes": ["red", "blue"]}}"""),
        ("/v1/segment/tiny", """{"url": "http://127.0.0.1:1/a.png"}"""),
    ];

    private static readonly byte[] Pieces =
        [
            .. "\\ud800\\udc00\\u0000\\/\"\",:{}[]e308.http:////..@%ff[::1]:0-1nulltrue&#0;<!DOCTYPE a [<!ENTITY b \"c\">]>&b;"u8,
            0xFF, 0xC0, 0x80, .. "data:,image/png;base64,===="u8
        ];

    public string Kind => "dialect";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        (string route, string text) = random.Pick(Bodies);
        byte[] body = Mutator.Mutate(
            random, Encoding.UTF8.GetBytes(text),
            random.Next(2) > 0 ? Pieces : Encoding.UTF8.GetBytes(random.Pick(Bodies).Body), mostSteps: 4);
        made([.. Encoding.UTF8.GetBytes(route + "\n"), .. body]);
        HttpRequestMessage request = new(HttpMethod.Post, route) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation("x-nuclio-function-name", random.Next(10) > 0 ? "tiny" : "tiny-labels");
        return Answers.SendAsync(target, request);
    }
}

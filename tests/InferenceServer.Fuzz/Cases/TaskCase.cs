using System.Text;
using System.Text.Json;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Label Studio's tasks: mutated labelling configurations as XML, and mutated places of images.</summary>
internal sealed class TaskCase(FuzzTarget target) : IFuzzCase
{
    private static readonly string[] Configs =
    [
        """<View><Image name="i" value="$image"/><BrushLabels name="t" toName="i"><Label value="red"/></BrushLabels></View>""",
        """<View><PolygonLabels name="t" toName="i"><Label value="a" predicted_values="red, green"/></PolygonLabels>"""
            + """<Image name="i" value="$image"/></View>""",
        """<!-- c --><View xmlns:a="b"><![CDATA[x]]><a:Image name="&#105;" value="$image"/><BrushLabels toName='i'/></View>""",
    ];

    private static readonly string[] Places =
    [
        "/data/upload/1/a.png", "/data/local-files/?d=a.png", "upload/1/a.png", "/tasks/1/resolve/?fileuri=czM6Ly9i", "s3://b/a.png",
        "gs://b/a b.png", "azure-blob://c/a.png", "/../../api/users", "/data/%2e%2e/%252e%252e/api", "http://127.0.0.1:1/data/a.png",
        "http://u@127.0.0.1:1/data/..;/a", "//127.0.0.1:1/a", @"\\127.0.0.1\a", "data:image/png;base64,AAAA", "file:///etc/passwd",
    ];

    private static readonly byte[] Xml =
        [.. "<View><!DOCTYPE a [<!ENTITY b \"c\">]>&b;&#0;&#x110000;<?xml version='1.0'?>]]><a><a><a>xmlns:=\"'/>"u8, 0xFF, 0xC0];

    private static readonly byte[] Url = [.. "/..;%2e%252f%5c\\:@[::1]#?&=http://s3://tasks/1/presign/storage-data/ \0"u8, 0xE2, 0x82];

    public string Kind => "task";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        bool isXml = random.Next(2) == 0;
        string config = random.Pick(Configs), place = random.Pick(Places);
        if (isXml)
        {
            config = Mutate(random, config, Xml);
        }
        else
        {
            place = Mutate(random, place, Url);
        }

        string body = $$$"""{"tasks": [{"id": 7, "data": {"image": {{{JsonSerializer.Serialize(place)}}}}}], """
            + $$"""  "label_config": {{JsonSerializer.Serialize(config)}}}""";
        made(Encoding.UTF8.GetBytes(body));
        HttpRequestMessage request = new(HttpMethod.Post, "/label-studio/predict")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        return Answers.SendAsync(target, request);
    }

    private static string Mutate(Random random, string text, byte[] pieces) =>
        Encoding.UTF8.GetString(Mutator.Mutate(random, Encoding.UTF8.GetBytes(text), pieces, mostSteps: 4));
}

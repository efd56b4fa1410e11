using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Mutated manifests: most end at the reader; some of those that it lets pass are loaded and asked for a mask.</summary>
internal sealed partial class ManifestCase : IFuzzCase
{
    private const string Name = "fuzzed";
    private const int LoadedOneIn = 4;
    private readonly FuzzTarget _target;
    private static readonly SemaphoreSlim One = new(1); // there is one folder to load from
    private static readonly string[] Literals =
    [
        "0", "1", "-1", "2", "4", "8", "64", "1024", "16384", "67108864", "2147483647", "2147483648", "0.5", "1e-30",
        "1e30", "1e308", "1e309", "0.0039", "255", "true", "false", "null", "\"\"", "\"none\"", "\"exact\"",
        "\"whole\"", "\"labels\"",
        "\"short_side\"", "\"long_side\"", "\"letterbox\"", "\"nearest\"", "\"voc\"", "[]", "[0]", "[1, 1]",
        "[16384, 16384]", "[1, 2, 3]", "[null]", "{}", "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
    ];

    private readonly byte[][] _seeds;

    public ManifestCase(FuzzTarget target)
    {
        _target = target;
        _seeds = [.. ((string[])["tiny", "tiny-labels", "tiny-fixed"]).Select(Read)];
        Directory.CreateDirectory(Path.Combine(target.Models, Name, "1"));
        File.Copy(Path.Combine(FuzzTarget.Fixtures, "tiny", "1", "model.onnx"), Path.Combine(target.Models, Name, "1", "model.onnx"));
    }

    public string Kind => "manifest";

    public async Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        byte[] bytes = random.Next(2) == 0
            ? Mutator.Mutate(random, random.Pick(_seeds), random.Pick(_seeds), mostSteps: 3)
            : Exchange(random, Encoding.UTF8.GetString(random.Pick(_seeds)));
        made(bytes);
        bool load = random.Next(LoadedOneIn) == 0;
        try
        {
            ManifestReader.ReadEmbedded(Encoding.UTF8.GetString(bytes), Name);
        }
        catch (ManifestException)
        {
            return new FuzzOutcome("refused", null);
        }

        return load ? await LoadAsync(bytes) : new FuzzOutcome("read", null);
    }

    // A value for another, so that the text stays JSON.
    private static byte[] Exchange(Random random, string text)
    {
        for (int i = random.Next(1, 3); i > 0 && Value().Matches(text) is { Count: > 0 } values; i--)
        {
            Match at = random.Pick(values);
            text = text[..at.Index] + random.Pick(Literals) + text[(at.Index + at.Length)..];
        }

        return Encoding.UTF8.GetBytes(text);
    }

    [GeneratedRegex(@"(?<=[:\[,]\s*)(-?[\d.]+|true|false|null|""[^""]*"")(?=\s*[,\]}])")]
    private static partial Regex Value();

    private async Task<FuzzOutcome> LoadAsync(byte[] manifest)
    {
        await One.WaitAsync();
        try
        {
            await File.WriteAllBytesAsync(Path.Combine(_target.Models, Name, "model.json"), manifest);
            FuzzOutcome load = await Answers.SendAsync(
                _target,
                new HttpRequestMessage(HttpMethod.Post, $"/v1/models/{Name}/load")
                {
                    Headers = { Authorization = new AuthenticationHeaderValue("Bearer", FuzzTarget.Key) },
                });
            FuzzOutcome answer = load.Answer == "200"
                ? await Answers.SendAsync(
                    _target,
                    new HttpRequestMessage(HttpMethod.Post, $"/v1/segment/{Name}?format=raw")
                    {
                        Content = new ByteArrayContent(Seeds.Png),
                    })
                : load;
            return answer with { Answer = $"loaded {load.Answer}, mask {(load.Answer == "200" ? answer.Answer : "none")}" };
        }
        finally
        {
            One.Release();
        }
    }

    // The names are another model's.
    private static byte[] Read(string model) => Encoding.UTF8.GetBytes(
        File.ReadAllText(Path.Combine(FuzzTarget.Fixtures, model, "model.json"))
            .Replace($"\"name\": \"{model}\",", "", StringComparison.Ordinal));
}

using System.Text.RegularExpressions;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Tests;

/// <summary>What docs/bring-your-model.md shows is right: the server reads every manifest, and the export of torchvision
/// gives PyTorch's masks.</summary>
public sealed partial class BringYourModelTests : IDisposable
{
    private static readonly string Page = Path.Combine(Repository.Root, "docs", "bring-your-model.md");

    private readonly ModelsFolder _models = new();

    public static TheoryData<string, int> Manifests
    {
        get
        {
            TheoryData<string, int> manifests = [];
            foreach (string section in Sections().Keys)
            {
                for (int i = 0; i < Blocks(section).Length; i++)
                {
                    manifests.Add(section, i);
                }
            }

            return manifests;
        }
    }

    public void Dispose() => _models.Delete();

    [Theory]
    [MemberData(nameof(Manifests))]
    public void Manifest_OfThePage_IsAccepted(string section, int index)
    {
        string folder = Write(Blocks(section)[index]);

        ModelManifest manifest = ManifestReader.Read(folder);

        Assert.True(ClassTable.Create(manifest.Classes).Names.Count > 1);
    }

    [Fact]
    public void Page_EveryFramework_HasAManifestAndACommand() => Assert.All(
        Sections().Where(section => section.Key is not ("Traps of every exporter" or "What inspect reads")),
        section =>
        {
            Assert.NotEmpty(Blocks(section.Key));
            Assert.Matches("```(sh|python)\n", section.Value);
        });

    [PyTorchTheory]
    [InlineData("lraspp_mobilenet_v3_large")]
    [InlineData("deeplabv3_mobilenet_v3_large")]
    public async Task Segment_TorchvisionAsThePageExportsIt_EqualsPyTorch(string network)
    {
        string folder = Write(Blocks("torchvision")[0]);
        string version = Directory.CreateDirectory(Path.Combine(folder, "1")).FullName;
        string script = Path.Combine(Repository.Root, "tests", "assets", "export_torchvision.py");
        Assert.True(PyTorchTheoryAttribute.Run(script, Page, network, version), $"{script} failed for {network}.");
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Models:Path", _models.Path), ("Models:Default", "model"));

        byte[] image = await File.ReadAllBytesAsync(Path.Combine(version, "image.png"));
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/model", new ByteArrayContent(image));

        response.EnsureSuccessStatusCode();
        byte[] expected = await File.ReadAllBytesAsync(Path.Combine(version, "labels.raw"));
        byte[] labels = PngImage.Read(await response.Content.ReadAsByteArrayAsync()).Samples;
        Assert.Equal(expected.Length, labels.Length);
        Assert.True(expected.Distinct().Count() > 4);
        (byte Expected, byte Label)[] sure = [.. expected.Zip(labels).Where(pair => pair.First != byte.MaxValue)];
        Assert.InRange(sure.Length, expected.Length * 3 / 4, expected.Length);
        Assert.InRange(sure.Count(pair => pair.Expected != pair.Label), 0, sure.Length / 1000);
    }

    private static Dictionary<string, string> Sections() => Section().Matches(File.ReadAllText(Page).ReplaceLineEndings("\n"))
        .ToDictionary(match => match.Groups["title"].Value, match => match.Groups["text"].Value);

    private static string[] Blocks(string section) =>
        [.. Json().Matches(Sections()[section]).Select(match => match.Groups["json"].Value)];

    private string Write(string manifest)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_models.Path, "model")).FullName;
        File.WriteAllText(Path.Combine(folder, "model.json"), manifest);
        return folder;
    }

    [GeneratedRegex(
        @"^## (?<title>[^\n]+)\n(?<text>.*?)(?=^## |\z)",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Section();

    [GeneratedRegex("^```json\n(?<json>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Json();
}

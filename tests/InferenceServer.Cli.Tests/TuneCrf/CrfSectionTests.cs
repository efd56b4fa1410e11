using InferenceServer.Cli.TuneCrf;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Cli.Tests.TuneCrf;

public class CrfSectionTests
{
    private static readonly CrfManifest Tuned = new()
    {
        Iterations = 5,
        Gaussian = new KernelManifest { Weight = 1.4f, Xy = 0.7f },
        Bilateral = new KernelManifest { Weight = 3, Xy = 20, Rgb = 4.9f },
    };

    private static string Section(string indent) => """
        {
          "default": false,
          "iterations": 5,
          "gaussian": {
            "weight": 1.4,
            "xy": 0.7
          },
          "bilateral": {
            "weight": 3,
            "xy": 20,
            "rgb": 4.9
          }
        }
        """.Replace("\n", "\n" + indent, StringComparison.Ordinal);

    [Fact]
    public void Replace_SectionIsThere_ChangesNothingElse()
    {
        const string Before = """
            {
              // measured, not guessed
              "preprocess": { "mean": [0.485, 0.456,  0.406], "crf": { "not": "this one" } },
              "postprocess": {
                "crf": /* old */ { "iterations": 10, "gaussian": { "weight": 3, "xy": 1 }, },
                "activation": "softmax",
              },
              "scale": 0.00392156862745098e0,
            }
            """;

        string after = CrfSection.Replace(Before, Tuned);

        Assert.Equal(
            Before.Replace(
                """{ "iterations": 10, "gaussian": { "weight": 3, "xy": 1 }, }""", Section("    "),
                StringComparison.Ordinal),
            after);
    }

    [Theory]
    [InlineData(
        "{\n  \"schema\": 1,\n  \"postprocess\": {\n    \"activation\": \"softmax\"\n  }\n}\n",
        "{\n  \"schema\": 1,\n  \"postprocess\": {\n    \"crf\": @4,\n    \"activation\": \"softmax\"\n  }\n}\n")]
    [InlineData("{\n  \"postprocess\": {}\n}\n", "{\n  \"postprocess\": {\n    \"crf\": @4\n  }\n}\n")]
    [InlineData("{\n  \"schema\": 1\n}\n", "{\n  \"postprocess\": {\n    \"crf\": @4\n  },\n  \"schema\": 1\n}\n")]
    public void Replace_SectionIsMissing_AddsIt(string before, string after) =>
        Assert.Equal(after.Replace("@4", Section("    "), StringComparison.Ordinal), CrfSection.Replace(before, Tuned));

    [Fact]
    public void Replace_Twice_IsTheSame()
    {
        string once = CrfSection.Replace(File.ReadAllText(Path.Combine(Cli.Models, "tiny", "model.json")), Tuned);

        Assert.Equal(once, CrfSection.Replace(once, Tuned));
        Assert.Equal(Tuned, ManifestReader.ReadEmbedded(once, "tiny").Postprocess.Crf);
    }
}

using System.Net.Http.Json;
using System.Text.Json;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Tests.Segment;

/// <summary>The shipped models as they serve by default: in 8 bits where the processor has VNNI and the version has such a
/// graph.</summary>
public sealed class VariantTests : IClassFixture<VariantTests.ByDefault>
{
    private readonly SegmentationServer _server;

    public VariantTests(ByDefault server) => _server = server;

    /// <summary>Each shipped model.</summary>
    public static TheoryData<string> Names => [.. ParityTests.Images.Select(row => (string)((object[])row)[0]).Distinct()];

    [Theory, MemberData(nameof(ParityTests.Images), MemberType = typeof(ParityTests))]
    public async Task Segment_ByDefault_AgreesWithPyTorch(string model, string image) =>
        Assert.InRange(await ParityTests.AgreementAsync(_server.Client, model, image), 0.99, 1);

    [Theory, MemberData(nameof(Names))]
    public async Task Describe_ByDefault_TellsTheVariantAndWhatWasMeasured(string name)
    {
        JsonElement description = await _server.Client.GetFromJsonAsync<JsonElement>($"/v1/models/{name}");

        string file = Path.Combine(Repository.Root, "models", name, "1", "model.int8.onnx");
        string variant = description.GetProperty("model").GetProperty("variant").GetString()!;
        if (!File.Exists(file) || DerivedGraph.Read(file).WeightBits > ProcessorTraits.Current.WeightBits)
        {
            Assert.Equal("float32", variant);
            Assert.False(description.TryGetProperty("optimization", out _));
            return;
        }

        DerivedGraph made = DerivedGraph.Read(file);
        if (made.SpeedupOn(ProcessorTraits.Current) is not null)
        {
            Assert.Equal("int8", variant); // on another processor a trial chooses
            JsonElement optimization = description.GetProperty("optimization");
            Assert.Equal(made.Figures["agreement"], optimization.GetProperty("agreement").GetString());
            Assert.Equal(made.Figures["speedup"], optimization.GetProperty("speedup").GetString());
        }
    }

    [Fact]
    public void ShippedGraphs_Figures_HoldWhatIsPromised()
    {
        string[] files = [.. Directory.EnumerateFiles(
            Path.Combine(Repository.Root, "models"), "model.int8.onnx", SearchOption.AllDirectories)];

        Assert.NotEmpty(files);
        Assert.All(files.Select(DerivedGraph.Read), made =>
        {
            Assert.InRange(Number(made, "agreement"), 0.99, 1);
            Assert.InRange(Number(made, "speedup"), 1.3, 20);
            Assert.InRange(Number(made, "mean_iou_float32") - Number(made, "mean_iou"), -100, 0.2);
            Assert.InRange(new FileInfo(made.File).Length, 1, 26_000_000);
        });
    }

    private static double Number(DerivedGraph made, string name) =>
        double.Parse(made.Figures[name], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A server with the models that ship.</summary>
    public sealed class ByDefault() : SegmentationServer(
        [("Models:Path", Path.Combine(Repository.Root, "models")), ("Models:Default", "camvid-deeplabv3plus")]);
}

using System.Globalization;
using System.Text.RegularExpressions;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Tests.Segment;

[Collection(SharedServer.Name)]
public sealed partial class MaskResultTests(SegmentationServer server)
{
    [Theory]
    [InlineData("png")]
    [InlineData("raw")]
    [InlineData("json")]
    public async Task Headers_AnyFormat_TellModelAndSize(string format)
    {
        using HttpResponseMessage response = await PostAsync(format);

        Assert.Equal("tiny", Header(response, "X-Model"));
        Assert.Equal("1", Header(response, "X-Model-Version"));
        Assert.Equal(Photo.Width, int.Parse(Header(response, "X-Image-Width"), CultureInfo.InvariantCulture));
        Assert.Equal(Photo.Height, int.Parse(Header(response, "X-Image-Height"), CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task ServerTiming_AnyRequest_NamesEveryStageUpToTheWritingOfIt()
    {
        using HttpResponseMessage response = await PostAsync("png");

        string[] metrics = Header(response, "Server-Timing").Split(", ");
        Assert.Equal(
            StageTimings.Stages.Where(s => s != Stage.Write).Select(s => s.ToString().ToLowerInvariant()),
            metrics.Select(m => Metric().Match(m).Groups["name"].Value));
        Assert.All(metrics, m => Assert.True(double.Parse(Metric().Match(m).Groups["ms"].Value, CultureInfo.InvariantCulture) >= 0));
    }

    [GeneratedRegex(@"^(?<name>[a-z]+);dur=(?<ms>\d+\.\d+)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Metric();

    private static string Header(HttpResponseMessage response, string name) => string.Join(", ", response.Headers.GetValues(name));

    private Task<HttpResponseMessage> PostAsync(string format) =>
        server.Client.PostAsync($"/v1/segment/tiny?format={format}", Photo.Content(Photo.Png));
}

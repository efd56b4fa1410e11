using System.Net;

namespace InferenceServer.Tests.Health;

[Collection(SharedServer.Name)]
public sealed class HealthEndpointsTests(SegmentationServer server)
{
    [Theory]
    [InlineData("live")]
    [InlineData("ready")]
    public async Task Get_AllRequiredModelsServe_AnswersOk(string probe)
    {
        using HttpResponseMessage response = await server.Client.GetAsync($"/health/{probe}");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal($$"""{"status":"{{probe}}"}""", await response.Content.ReadAsStringAsync());
    }
}

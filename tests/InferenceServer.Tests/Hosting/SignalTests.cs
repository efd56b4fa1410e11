namespace InferenceServer.Tests.Hosting;

/// <summary>Signals that end other programs.</summary>
public sealed class SignalTests
{
    private const int HangUp = 1;

    [Fact]
    public async Task HangUp_Sent_ChangesNothingAndIsLogged()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();

        server.Signal(HangUp);
        await ServerProcess.UntilAsync(() => Task.FromResult(server.Log.Contains("SIGHUP changes nothing", StringComparison.Ordinal)));

        using HttpClient client = new() { BaseAddress = server.Address };
        using HttpResponseMessage ready = await client.GetAsync("/health/ready");
        Assert.True(ready.IsSuccessStatusCode);
        server.Signal(ServerProcess.Interrupt);
        Assert.Equal(0, await server.ExitAsync());
    }
}

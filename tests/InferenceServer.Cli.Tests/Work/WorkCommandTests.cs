namespace InferenceServer.Cli.Tests.Work;

/// <summary>The settings reach the server's program, which checks them.</summary>
public sealed class WorkCommandTests
{
    [Theory]
    [InlineData("--Jobs:Path=/tmp/jobs", 1)] // no queue
    [InlineData("--Jobs:Pathh=/tmp/jobs", 1)] // no such setting
    [InlineData("--help", 0)]
    public async Task Work_Settings_AreTheServers(string setting, int expected)
    {
        (int exitCode, _, _) = await Cli.RunAsync("work", setting);

        Assert.Equal(expected, exitCode);
    }
}

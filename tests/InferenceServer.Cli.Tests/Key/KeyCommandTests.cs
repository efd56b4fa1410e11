using System.Security.Cryptography;
using System.Text;

namespace InferenceServer.Cli.Tests.Key;

public sealed class KeyCommandTests
{
    [Fact]
    public async Task Key_Name_PrintsAKeyAndItsHashForTheServer()
    {
        (int exitCode, string output, _) = await Cli.RunAsync("key", "lab", "--scopes", "infer, admin");

        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines[0])));
        Assert.Equal((0, 43), (exitCode, lines[0].Length));
        Assert.Equal(["Security__Keys__lab__Hash=sha256:" + hash, "Security__Keys__lab__Scopes=infer, admin"], lines[1..]);
    }

    [Fact]
    public async Task Key_Twice_IsAnother() => Assert.NotEqual(await Cli.RunAsync("key"), await Cli.RunAsync("key"));
}

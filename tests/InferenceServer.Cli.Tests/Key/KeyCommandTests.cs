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

    [Theory]
    [InlineData("two__parts", "infer")]
    [InlineData("a:b", "infer")]
    [InlineData("end_", "infer")]
    [InlineData("two words", "infer")]
    [InlineData("lab", "root")]
    [InlineData("lab", "infer,")]
    public async Task Key_WhatTheServerWouldNotTake_IsRefused(string name, string scopes)
    {
        (int exitCode, string output, string error) = await Cli.RunAsync("key", name, "--scopes", scopes);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains("expected", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_Twice_IsAnother() => Assert.NotEqual(await Cli.RunAsync("key"), await Cli.RunAsync("key"));
}

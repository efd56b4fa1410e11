using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Parameters;

namespace InferenceServer.Cli.Tests.Hosting;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("segment", "--help")]
    [InlineData("evaluate", "--help")]
    [InlineData("inspect", "--help")]
    [InlineData("bench", "--help")]
    [InlineData("refine", "--help", "--probabilities")]
    [InlineData("tune-crf", "--help", "--dry-run")]
    public async Task RunAsync_Help_IsPrinted(string command, string help, string option = "--models")
    {
        (int exitCode, string output, string error) = await Cli.RunAsync(command, help);

        Assert.Equal(0, exitCode);
        Assert.Contains(option, output, StringComparison.Ordinal);
        Assert.Empty(error);
    }

    // The options come from the table of request parameters; this is whether all of them do.
    [Fact]
    public async Task RunAsync_HelpOfSegment_ListsEveryParameterAndFormat()
    {
        (_, string output, _) = await Cli.RunAsync("segment", "--help");

        Assert.All(
            RequestParameters.All.Where(p => p.Group != ParameterGroup.Admission),
            p => Assert.Contains("--" + p.Name.Replace('.', '-').Replace('_', '-'), output, StringComparison.Ordinal));
        Assert.Contains(
            string.Join('|', MaskFormat.All.Select(f => f.Name)),
            output.ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_HelpOfRefine_HasTheDefaultsWithoutAModel()
    {
        (_, string output, _) = await Cli.RunAsync("refine", "--help");

        string help = string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.DoesNotContain("manifest", help, StringComparison.Ordinal);
        foreach ((string option, string usual) in ((string, string)[])
            [
                ("--iterations", "10"), ("--gaussian-weight", "3"), ("--gaussian-xy", "1"), ("--bilateral-weight", "4"),
                ("--bilateral-xy", "67"), ("--bilateral-rgb", "3"), ("--quality", "exact"),
            ])
        {
            string own = help[help.IndexOf(option + " <", StringComparison.Ordinal)..];
            Assert.Contains($"[default: {usual}]", own[..own.IndexOf(']', StringComparison.Ordinal)] + "]", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Assembly_References_AreTheServerTheClientAndTheRuntime() => Assert.Equal(
        // Two through the runtime.
        ["DenseCrf", "InferenceServer", "InferenceServer.Client", "InferenceServer.Kernels", "InferenceServer.Runtime"],
        typeof(CommandLine).Assembly.GetReferencedAssemblies().Select(r => r.Name!)
            .Where(name => name == "DenseCrf" || name.StartsWith("InferenceServer", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal));

    [Theory]
    [InlineData]
    [InlineData("segment")]
    [InlineData("segment", "a.png", "--model", "tiny", "--out", "x", "--format", "gif")]
    [InlineData("segment", "a.png", "--model", "tiny", "--out", "x", "--alpha", "2")]
    [InlineData("segment", "a.png", "--model", "tiny", "--out", "x", "--alpha", "abc")]
    [InlineData("segment", "a.png", "--model", "tiny", "--out", "x", "--alpha", "nan")]
    [InlineData("evaluate", "--model", "tiny", "--images", "x", "--labels", "x", "--ignore", "256")]
    [InlineData("refine", "--image", "x", "--out", "y")]
    [InlineData("tune-crf", "--model", "tiny", "--images", "x", "--labels", "x", "--sample", "-1")]
    [InlineData("bench", "--model", "tiny", "--threads", "1.5")]
    [InlineData("bench", "--model", "tiny", "--size", "480")]
    [InlineData("bench", "--model", "tiny", "--runs", "0")]
    [InlineData("bench", "--model", "tiny", "--unknown")]
    public async Task RunAsync_WrongArguments_Give2(params string[] args)
    {
        (int exitCode, string output, string error) = await Cli.RunAsync(args);

        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains("--help", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("'--fromat'", "Did you mean --format?", "segment", "a.png", "--model", "tiny", "--out", "x", "--fromat", "json")]
    [InlineData(
        "'--crf-iteration'", "Did you mean --crf-iterations?", "segment", "a.png", "--model", "tiny", "--out", "x",
        "--crf-iteration=3")]
    [InlineData("'--modle'", "Did you mean --model?", "bench", "--modle", "tiny")]
    [InlineData("'segmnt'", "Did you mean segment?", "segmnt", "a.png")]
    [InlineData("'--hepl'", "Did you mean --help?", "--hepl")]
    [InlineData("'colour'", "use one of segment, evaluate", "colour")]
    public async Task RunAsync_MisspeltWord_IsNamedWithTheOneThatWasMeant(string word, string suggestion, params string[] args)
    {
        (int exitCode, string output, string error) = await Cli.RunAsync(args);

        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains(word, error, StringComparison.Ordinal);
        Assert.Contains(suggestion, error, StringComparison.Ordinal);
    }

    // A file may be called what it likes; "--" says that no option follows.
    [Fact]
    public async Task RunAsync_FileLikeAnOptionBehindTheDashes_IsAFile()
    {
        (int exitCode, _, string error) = await Cli.RunAsync("segment", "--model", "tiny", "--out", "x", "--", "--fromat");

        Assert.Equal(1, exitCode);
        Assert.Contains("Expected a file or folder '--fromat', found none.", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no-such", "There is no model 'no-such'; use one of: tiny, ")]
    [InlineData("tiny-nan", "NaN")]
    [InlineData("tiny-wrong-classes", "classes.names: expected 4 channels for 4 names, got 3")]
    public async Task RunAsync_UnusableModel_SaysWhy(string model, string message)
    {
        (int exitCode, _, string error) = await Cli.RunAsync("bench", "--models", Cli.Models, "--model", model);

        Assert.Equal(1, exitCode);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_NoModelsFolder_SaysWhichFolder()
    {
        (int exitCode, _, string error) = await Cli.RunAsync("bench", "--models", "/no/such/folder", "--model", "tiny");

        Assert.Equal(1, exitCode);
        Assert.Contains("/no/such/folder", error, StringComparison.Ordinal);
    }
}

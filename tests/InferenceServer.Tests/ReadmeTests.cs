using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests;

/// <summary>What the README tells people to type is right.</summary>
[Collection(SharedServer.Name)]
public sealed partial class ReadmeTests(SegmentationServer server)
{
    private static readonly string[] Commands = ReadCommands();

    [Fact]
    public void Readme_SetUp_IsTwoCommands()
    {
        Assert.Contains("dotnet run -c Release --project src/InferenceServer", Commands);
        Assert.Contains("dotnet test -c Release", Commands);
    }

    [Fact]
    public void Readme_EveryCurl_GoesToARoute()
    {
        string[] paths =
        [
            .. Commands.Where(c => c.StartsWith("curl ", StringComparison.Ordinal))
                .Select(c => Address().Match(c).Groups["path"].Value)
        ];

        Assert.NotEmpty(paths);
        Assert.All(paths, path => Assert.True(IsRoute(path), $"The server has no route for {path}."));
    }

    [GeneratedRegex(@"localhost:8080(?<path>/[^\s'""?]*)", RegexOptions.ExplicitCapture)]
    private static partial Regex Address();

    [GeneratedRegex(
        @"^```(sh|console|bash)\r?\n(?<block>.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Block();

    private static string[] ReadCommands() =>
    [
        .. Block().Matches(File.ReadAllText(Path.Combine(Repository.Root, "README.md")))
            .SelectMany(b => b.Groups["block"].Value.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
            .Select(line => line.Trim().TrimStart('$', ' ').Split(" #")[0].TrimEnd())
            .Where(line => line.StartsWith("dotnet ", StringComparison.Ordinal) || line.StartsWith("curl ", StringComparison.Ordinal)),
    ];

    private bool IsRoute(string path) =>
        path.StartsWith("/swagger", StringComparison.Ordinal)
            || server.Services.GetRequiredService<EndpointDataSource>().Endpoints
        .OfType<RouteEndpoint>()
        .Any(e => new TemplateMatcher(TemplateParser.Parse(e.RoutePattern.RawText!.TrimStart('/')), []).TryMatch(path, []));
}

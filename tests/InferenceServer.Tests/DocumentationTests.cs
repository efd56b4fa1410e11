using System.Text.Json;
using System.Text.RegularExpressions;
using InferenceServer.Errors;

namespace InferenceServer.Tests;

/// <summary>Guards of the documentation: every page is in the index, every link leads somewhere, the README is short,
/// and versions agree.</summary>
public sealed partial class DocumentationTests
{
    private const int MaxReadmeLines = 90;

    private static readonly string[] Folders = ["docs", "src", "clients", "samples", "models", "deploy", "tests"];

    public static TheoryData<string> Pages =>
    [
        .. Folders.SelectMany(folder =>
            Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.md", SearchOption.AllDirectories))
            .Concat(Directory.EnumerateFiles(Repository.Root, "*.md"))
            .Select(page => Path.GetRelativePath(Repository.Root, page).Replace('\\', '/'))
            .Where(page => !Generated().IsMatch(page))
            .Order(StringComparer.Ordinal),
    ];

    public static TheoryData<string> Errors => [.. ErrorTable.All.Select(row => row.Error.Name)];

    [Fact]
    public void Index_Pages_AreAllLinked()
    {
        IEnumerable<string> linked = Links("docs/index.md").Select(link => link.Split('#')[0]);
        IEnumerable<string> pages = Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md")
            .Select(page => Path.GetFileName(page));

        Assert.Equal(["index.md"], pages.Except(linked));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_OfAPage_LeadToFilesAndHeadings(string page)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;

        Assert.All(Links(page), link =>
        {
            string[] parts = link.Split('#');
            string target = parts[0].Length == 0
                ? Path.Combine(Repository.Root, page)
                : Path.GetFullPath(Path.Combine(folder, Uri.UnescapeDataString(parts[0])));
            Assert.True(File.Exists(target) || Directory.Exists(target), $"{page}: the link to '{link}' leads to no file.");
            Assert.True(parts.Length == 1 || Anchors(target).Contains(parts[1]), $"{page}: the link to '{link}' leads to no heading.");
        });
    }

    [Fact]
    public void Sources_PagesThatTheyName_Exist()
    {
        IEnumerable<string> sources = ((string[])["src", "tests", "deploy", "eng", "models", ".ci"])
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories))
            .Where(file => Source().IsMatch(file) && !Generated().IsMatch(file.Replace('\\', '/')));

        Assert.Empty(
            from source in sources
            from Match page in NamedPage().Matches(File.ReadAllText(source))
            where !File.Exists(Path.Combine(Repository.Root, page.Value))
            select $"{Path.GetRelativePath(Repository.Root, source)} names {page.Value}, which does not exist.");
    }

    [Fact]
    public void Readme_Length_IsReadInTwoMinutes() =>
        Assert.InRange(File.ReadAllLines(Path.Combine(Repository.Root, "README.md")).Length, 1, MaxReadmeLines);

    [Theory]
    [MemberData(nameof(Errors))]
    public void Error_Docs_AreTheRowOfTheTable(string error)
    {
        ErrorRow row = ErrorTable.All.Single(r => r.Error.Name == error);

        string line = Read("docs/segment.md").Split('\n').Single(l => l.StartsWith($"| {row.Status} |", StringComparison.Ordinal));

        Assert.Contains($"`{row.Error}`", line, StringComparison.Ordinal);
        Assert.Contains($"`{JsonNamingPolicy.SnakeCaseUpper.ConvertName(row.GrpcCode.ToString())}`", line, StringComparison.Ordinal);
        Assert.Contains(row.Reason ?? "", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_BuildChangelogAndChart_Agree()
    {
        string version = Version().Match(Read("Directory.Build.props")).Groups["version"].Value;

        Assert.Equal(version, NewestChange().Match(Read("CHANGELOG.md")).Groups["version"].Value);
        Assert.Contains(
            $"\nversion: {version}\nappVersion: {version}\n", Read("deploy/helm/inference-server/Chart.yaml"),
            StringComparison.Ordinal);
    }

    private static string Read(string page) => File.ReadAllText(Path.Combine(Repository.Root, page));

    // Code may look like a link.
    private static IEnumerable<string> Links(string page) => Link().Matches(Code().Replace(Read(page), ""))
        .Select(link => link.Groups["target"].Value)
        .Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal));

    // A heading's anchor is its text in lower case, with hyphens for spaces and without punctuation.
    private static IEnumerable<string> Anchors(string page) => Heading().Matches(Fence().Replace(File.ReadAllText(page), ""))
        .Select(heading => Punctuation().Replace(heading.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    [GeneratedRegex(@"(^|/)(bin|obj|node_modules|artifacts)/", RegexOptions.ExplicitCapture)]
    private static partial Regex Generated();

    [GeneratedRegex(@"(\.(cs|csproj|props|targets|py|sh|yml|yaml|json|conf|js)|[/\\]run)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Source();

    [GeneratedRegex(@"\bdocs/[a-z-]+\.md\b")]
    private static partial Regex NamedPage();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();

    [GeneratedRegex("^```.*?^```|`[^`\n]*`", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^#{1,6} (?<text>[^\r\n]+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N}\s_-]")]
    private static partial Regex Punctuation();

    [GeneratedRegex("<Version>(?<version>[^<]+)</Version>", RegexOptions.ExplicitCapture)]
    private static partial Regex Version();

    [GeneratedRegex(@"^## \[(?<version>[0-9.]+)\]", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex NewestChange();
}

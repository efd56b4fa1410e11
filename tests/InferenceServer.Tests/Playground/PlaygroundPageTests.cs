using System.Net;
using System.Text.RegularExpressions;

namespace InferenceServer.Tests.Playground;

/// <summary>The page at <c>/</c> as files; what it does in a browser is for InferenceServer.Browser.Tests.</summary>
[Collection(SharedServer.Name)]
public sealed partial class PlaygroundPageTests(SegmentationServer server)
{
    [Fact]
    public async Task Root_Policy_AllowsFilesOfThisServerOnly()
    {
        using HttpResponseMessage response = await server.Client.GetAsync("/");

        string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("http", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Root_Markup_HasNothingInline()
    {
        string page = await server.Client.GetStringAsync("/");

        Assert.DoesNotMatch(@"<style|\sstyle=|\son\w+=|javascript:", page);
        Assert.All(Script().Matches(page), script => Assert.Matches(@"src=""playground/[\w.-]+""></script>", script.Value));
    }

    [Fact]
    public async Task Files_All_AreServedAndAskedForAnew()
    {
        string folder = Path.Combine(Repository.Root, "src", "InferenceServer", "wwwroot");
        string[] files =
        [
            .. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Select(f => Path.GetRelativePath(folder, f))
        ];
        Assert.Contains(Path.Combine("playground", "playground.js"), files);

        foreach (string file in files)
        {
            using HttpResponseMessage response = await server.Client.GetAsync("/" + file);

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(folder, file)), await response.Content.ReadAsByteArrayAsync());
            Assert.True(response.Headers.CacheControl?.NoCache);
            Assert.NotNull(response.Headers.ETag);
        }
    }

    [GeneratedRegex("<script.*?</script>", RegexOptions.Singleline)]
    private static partial Regex Script();
}

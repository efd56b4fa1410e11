using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace InferenceServer.Tests.Deploy;

/// <summary>The Dockerfile copies project files one by one, so that packages are fetched anew only when one of them changes.</summary>
public sealed partial class DockerfileTests
{
    [Fact]
    public void Dockerfile_ProjectFiles_AreThoseThatTheServerNeeds()
    {
        string[] copied =
        [
            .. CopiedProject()
                .Matches(File.ReadAllText(Path.Combine(Repository.Root, "Dockerfile")))
                .Select(m => m.Groups["file"].Value)
        ];
        HashSet<string> needed = [];
        Add("src/InferenceServer/InferenceServer.csproj");

        Assert.Equal(needed.Order(StringComparer.Ordinal), copied.Order(StringComparer.Ordinal));

        void Add(string project)
        {
            if (needed.Add(project))
            {
                string folder = Path.Combine(Repository.Root, Path.GetDirectoryName(project)!);
                foreach (XElement reference in XDocument.Load(Path.Combine(Repository.Root, project)).Descendants("ProjectReference"))
                {
                    Add(
                        Path.GetRelativePath(
                            Repository.Root, Path.GetFullPath((string)reference.Attribute("Include")!, folder))
                            .Replace('\\', '/'));
                }
            }
        }
    }

    [GeneratedRegex(@"^COPY (?<file>src/\S+\.csproj) ", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex CopiedProject();
}

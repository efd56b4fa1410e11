#:property PublishAot=false
// Writes the software bill of materials of one program: CycloneDX 1.5, JSON.
//   dotnet run --file eng/Sbom.cs -- OBJ/project.assets.json OUTPUT.cdx.json
// It lists the NuGet packages that the restore chose and that put a file beside the program; what libvips was built from is below its package.
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;

if (args is not [string assetsFile, string output])
{
    Console.Error.WriteLine("Usage: dotnet run --file eng/Sbom.cs -- OBJ/project.assets.json OUTPUT.cdx.json");
    return 2;
}

JsonNode assets = JsonNode.Parse(File.ReadAllText(assetsFile))!;
JsonObject project = assets["project"]!.AsObject();
string[] folders = [.. assets["packageFolders"]!.AsObject().Select(f => f.Key)];
HashSet<string> shipped = [.. assets["targets"]!.AsObject().SelectMany(t => t.Value!.AsObject()).Where(l => HasFiles(l.Value!["runtime"]) || HasFiles(l.Value["native"])).Select(l => l.Key)];
JsonArray components = [];
foreach ((string id, JsonNode? library) in assets["libraries"]!.AsObject().OrderBy(l => l.Key, StringComparer.Ordinal))
{
    if ((string?)library!["type"] == "package" && shipped.Contains(id))
    {
        (string name, string version) = (id.Split('/')[0], id.Split('/')[1]);
        string folder = folders.Select(f => Path.Combine(f, (string)library["path"]!)).First(Directory.Exists);
        JsonObject component = Component(name, version, $"pkg:nuget/{name}@{version}", License(folder), (string?)library["sha512"]);
        string parts = Path.Combine(folder, "versions.json");
        if (File.Exists(parts))
        {
            component["components"] = new JsonArray([.. JsonNode.Parse(File.ReadAllText(parts))!.AsObject().Select(p => (JsonNode)Component(p.Key, (string)p.Value!, $"pkg:generic/{p.Key}@{p.Value}", null, null))]);
        }

        components.Add(component);
    }
}

string text = components.ToJsonString();
JsonObject bom = new()
{
    ["bomFormat"] = "CycloneDX",
    ["specVersion"] = "1.5",
    // Made from what it lists, so that the same build gives the same file.
    ["serialNumber"] = "urn:uuid:" + new Guid(SHA256.HashData(Encoding.UTF8.GetBytes(text))[..16]),
    ["version"] = 1,
    ["metadata"] = new JsonObject { ["component"] = Component((string)project["restore"]!["projectName"]!, (string?)project["version"] ?? "0", null, "MIT", null, "application") },
    ["components"] = components,
};
File.WriteAllText(output, bom.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
Console.WriteLine($"{output}: {components.Count} components");
return 0;

static JsonObject Component(string name, string version, string? purl, string? license, string? sha512, string type = "library")
{
    JsonObject component = new() { ["type"] = type, ["name"] = name, ["version"] = version };
    if (purl is not null)
    {
        component["bom-ref"] = purl;
        component["purl"] = purl;
    }

    if (license is not null)
    {
        component["licenses"] = new JsonArray(new JsonObject { ["license"] = new JsonObject { [license.Contains(' ', StringComparison.Ordinal) ? "name" : "id"] = license } });
    }

    if (sha512 is not null)
    {
        component["hashes"] = new JsonArray(new JsonObject { ["alg"] = "SHA-512", ["content"] = Convert.ToHexStringLower(Convert.FromBase64String(sha512)) });
    }

    return component;
}

// A package without files for a platform has a file named `_._` there.
static bool HasFiles(JsonNode? assets) => assets is not null && assets.AsObject().Any(a => !a.Key.EndsWith("/_._", StringComparison.Ordinal));

// Packages name an SPDX expression, or a file; of those the one that most packages have is recognized by its title.
static string? License(string folder)
{
    XElement? license = XDocument.Load(Directory.EnumerateFiles(folder, "*.nuspec").Single()).Descendants().FirstOrDefault(e => e.Name.LocalName == "license");
    return (string?)license?.Attribute("type") == "expression" ? license!.Value
        : license is not null && File.ReadLines(Path.Combine(folder, license.Value)).First().Trim() == "MIT License" ? "MIT"
        : null;
}

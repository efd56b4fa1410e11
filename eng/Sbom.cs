#:property PublishAot=false
// Writes the software bill of materials of one program: CycloneDX 1.5, JSON.
//   dotnet run --file eng/Sbom.cs -- OBJ/project.assets.json NODE_MODULES OUTPUT.cdx.json
// NuGet packages are those that the restore chose, natives those that npm installed; what libvips was built from is below it.
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;

if (args is not [string assetsFile, string modules, string output])
{
    Console.Error.WriteLine("Usage: dotnet run --file eng/Sbom.cs -- OBJ/project.assets.json NODE_MODULES OUTPUT.cdx.json");
    return 2;
}

JsonNode assets = JsonNode.Parse(File.ReadAllText(assetsFile))!;
JsonObject project = assets["project"]!.AsObject();
string[] folders = [.. assets["packageFolders"]!.AsObject().Select(f => f.Key)];
HashSet<string> shipped = [.. assets["targets"]!.AsObject().SelectMany(t => t.Value!.AsObject()).Where(l => l.Value!["runtime"] is not null || l.Value["native"] is not null).Select(l => l.Key)];
JsonArray components = [];
foreach ((string id, JsonNode? library) in assets["libraries"]!.AsObject().OrderBy(l => l.Key, StringComparer.Ordinal))
{
    if ((string?)library!["type"] == "package" && shipped.Contains(id))
    {
        (string name, string version) = (id.Split('/')[0], id.Split('/')[1]);
        string? folder = folders.Select(f => Path.Combine(f, (string)library["path"]!)).FirstOrDefault(Directory.Exists);
        components.Add(Component(name, version, $"pkg:nuget/{name}@{version}", License(folder), (string?)library["sha512"]));
    }
}

EnumerationOptions twoLevels = new() { RecurseSubdirectories = true, MaxRecursionDepth = 2 }; // scope, package
foreach (string file in Directory.EnumerateFiles(modules, "package.json", twoLevels).Order(StringComparer.Ordinal))
{
    JsonNode package = JsonNode.Parse(File.ReadAllText(file))!;
    if ((string?)package["name"] is { } name && (string?)package["version"] is { } version)
    {
        JsonObject component = Component(name, version, $"pkg:npm/{name.Replace("@", "%40", StringComparison.Ordinal)}@{version}", (string?)package["license"], Integrity(modules, file));
        string parts = Path.Combine(Path.GetDirectoryName(file)!, "versions.json");
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

// Packages name an SPDX expression, or a file, which is no name.
static string? License(string? folder) => folder is null ? null : Directory.EnumerateFiles(folder, "*.nuspec").Select(f => XDocument.Load(f).Descendants()
    .FirstOrDefault(e => e.Name.LocalName == "license" && (string?)e.Attribute("type") == "expression")?.Value).FirstOrDefault();

static string? Integrity(string modules, string file)
{
    string locked = Path.Combine(modules, ".package-lock.json");
    string key = "node_modules/" + Path.GetRelativePath(modules, Path.GetDirectoryName(file)!).Replace('\\', '/');
    return File.Exists(locked) && (string?)JsonNode.Parse(File.ReadAllText(locked))!["packages"]?[key]?["integrity"] is ['s', 'h', 'a', '5', '1', '2', '-', .. var hash] ? hash : null;
}

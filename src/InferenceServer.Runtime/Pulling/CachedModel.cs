using System.Security.Cryptography;
using System.Text;

namespace InferenceServer.Runtime.Pulling;

/// <summary>A file of a pulled model.</summary>
/// <param name="Path">Relative to the model's folder, with <c>/</c>.</param>
/// <param name="Length">In bytes.</param>
/// <param name="Sha256">The hash of its bytes, and the name of its blob.</param>
internal sealed record CachedFile(string Path, long Length, string Sha256);

/// <summary>A pulled model: its files, each with the hash of its bytes.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">What the place listed; equal texts are equal files.</param>
/// <param name="Files">The files, in the order of their paths.</param>
internal sealed record CachedModel(string Name, string Version, IReadOnlyList<CachedFile> Files)
{
    /// <summary>Names the model's folder in the cache; equal files have one folder.</summary>
    public string Id => Hash(Files.Select(file => $"{file.Path}\n{file.Length} {file.Sha256}").Prepend(Name));

    /// <summary>The SHA-256 of lines, in hexadecimal.</summary>
    public static string Hash(params IEnumerable<string> lines) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines))));
}

/// <summary>What a place had at the last successful look, so that a server starts without it.</summary>
/// <param name="Place">The place, for people who look into the cache.</param>
/// <param name="Looked">When the place was last seen.</param>
/// <param name="Commit">The commit of all files; null where there is none.</param>
/// <param name="Models">The models.</param>
internal sealed record CacheIndex(string Place, DateTimeOffset Looked, string? Commit, IReadOnlyList<CachedModel> Models);

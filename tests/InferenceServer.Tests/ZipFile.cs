using System.IO.Compression;
using System.Net.Http.Headers;

namespace InferenceServer.Tests;

/// <summary>Archives for a body.</summary>
internal static class ZipFile
{
    public static ByteArrayContent Of(params (string Name, byte[] Bytes)[] files) => Of(files, CompressionLevel.Optimal);

    public static ByteArrayContent Of((string Name, byte[] Bytes)[] files, CompressionLevel level)
    {
        using MemoryStream file = new();
        using (ZipArchive zip = new(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in files)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(bytes);
            }
        }

        return new ByteArrayContent(file.ToArray()) { Headers = { ContentType = new MediaTypeHeaderValue("application/zip") } };
    }
}

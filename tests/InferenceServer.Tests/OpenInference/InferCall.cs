using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace InferenceServer.Tests.OpenInference;

/// <summary>Requests of the protocol as its clients put them on the wire.</summary>
internal static class InferCall
{
    public const string HeaderLength = "Inference-Header-Content-Length";

    /// <summary>JSON, and behind it what is not in it.</summary>
    public static HttpContent Content(string json, params byte[][] tensors)
    {
        byte[] head = Encoding.UTF8.GetBytes(json);
        ByteArrayContent content = new([.. head, .. tensors.SelectMany(t => t)]);
        content.Headers.ContentType = new MediaTypeHeaderValue(tensors.Length == 0 ? "application/json" : "application/octet-stream");
        if (tensors.Length > 0)
        {
            content.Headers.Add(HeaderLength, $"{head.Length}");
        }

        return content;
    }

    /// <summary>A body that is the only input.</summary>
    public static HttpContent Raw(byte[] body)
    {
        ByteArrayContent content = new(body);
        content.Headers.Add(HeaderLength, "0");
        return content;
    }

    /// <summary>The same content, compressed.</summary>
    public static async Task<HttpContent> CompressedAsync(HttpContent content, string encoding)
    {
        using MemoryStream compressed = new();
        await using (
            Stream stream = encoding == "gzip"
                ? new GZipStream(compressed, CompressionLevel.Optimal, leaveOpen: true)
                : new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            await content.CopyToAsync(stream);
        }

        ByteArrayContent result = new(compressed.ToArray());
        foreach ((string name, IEnumerable<string> values) in content.Headers.Where(h => h.Key != "Content-Length"))
        {
            result.Headers.TryAddWithoutValidation(name, values);
        }

        result.Headers.ContentEncoding.Add(encoding);
        return result;
    }

    /// <summary>An element of BYTES with its length before it.</summary>
    public static byte[] Element(byte[] bytes)
    {
        byte[] length = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)bytes.Length);
        return [.. length, .. bytes];
    }

    public static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    /// <summary>Takes an answer apart: its JSON and the bytes behind it.</summary>
    public static async Task<(JsonElement Json, byte[] Bytes)> ReadAsync(HttpResponseMessage response)
    {
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode}: {Encoding.UTF8.GetString(body)}");
        int length = response.Headers.TryGetValues(HeaderLength, out IEnumerable<string>? values)
            ? int.Parse(values.Single(), System.Globalization.CultureInfo.InvariantCulture)
            : body.Length;
        return (JsonDocument.Parse(body.AsMemory(0, length)).RootElement, body[length..]);
    }

    /// <summary>A image as the tiny models see it: RGB from 0 to 1, CHW.</summary>
    public static float[] Tensor(byte[] labels)
    {
        float[] values = new float[3 * labels.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            byte[] color = Photo.Color(labels[i]);
            for (int channel = 0; channel < 3; channel++)
            {
                values[(channel * labels.Length) + i] = (float)(color[channel] / 255.0);
            }
        }

        return values;
    }
}

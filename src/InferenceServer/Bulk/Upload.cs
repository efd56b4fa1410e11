using System.IO.Compression;
using System.Runtime.CompilerServices;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Bulk;

/// <summary>A request with many images, laid aside in a file of its own, which goes when this is disposed.</summary>
/// <remarks>Whole before the first answer, because most clients read nothing until they have sent all, and because the list of a zip stands at its end.</remarks>
internal sealed class Upload : IDisposable
{
    private const int BufferSize = 64 * 1024;
    private readonly FileStream _file;
    private readonly string? _boundary;

    private Upload(FileStream file, string? boundary)
    {
        _file = file;
        _boundary = boundary;
    }

    /// <summary>Opens a body that was laid aside before, and stays.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="contentType">Its media type.</param>
    public static Upload Open(string path, string contentType) =>
        new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferSize, FileOptions.Asynchronous), Boundary(MediaTypeHeaderValue.Parse(contentType)));

    /// <summary>Takes a request's body into a file that nobody else sees.</summary>
    /// <exception cref="SegmentationException">Neither a form nor a zip, or too large.</exception>
    public static async Task<Upload> ReceiveAsync(HttpRequest request, BulkOptions options, CancellationToken cancellationToken)
    {
        string? boundary = Boundary(request.GetTypedHeaders().ContentType);
        using Owned<FileStream> file = new(PrivateFiles.CreateTemporary());
        await CopyAsync(request, file.Value, options, cancellationToken);
        return new Upload(file.Release(), boundary);
    }

    /// <summary>Takes a request's body into a file that stays; it is on the disk when this returns.</summary>
    /// <exception cref="SegmentationException">Neither a form nor a zip, or too large.</exception>
    public static async Task SaveAsync(HttpRequest request, string path, BulkOptions options, CancellationToken cancellationToken)
    {
        Boundary(request.GetTypedHeaders().ContentType);
        await using FileStream file = PrivateFiles.Create(path);
        await CopyAsync(request, file, options, cancellationToken);
        file.Flush(flushToDisk: true);
    }

    /// <summary>The images, one after another; whoever takes one disposes it.</summary>
    /// <param name="options">Their limits.</param>
    /// <param name="maxBytes">Most bytes of one image; of a larger one only so much is read as shows that it is.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="SegmentationException">The form or the zip is damaged, or holds too much.</exception>
    public async IAsyncEnumerable<BulkImage> ImagesAsync(BulkOptions options, long maxBytes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long total = 0;
        int index = 0;
        _file.Position = 0;
        await foreach ((string name, Stream content) in _boundary is null ? Zip(options.MaxImages) : FormAsync(_boundary, cancellationToken))
        {
            if (index == options.MaxImages)
            {
                throw new SegmentationException(SegmentationError.PayloadTooLarge, $"The request has more than {options.MaxImages:N0} images, the most that is accepted.");
            }

            PooledBufferWriter bytes = await ReadAsync(content, Math.Min(maxBytes, options.MaxBytes - total), cancellationToken);
            if ((total += bytes.Written.Length) > options.MaxBytes)
            {
                bytes.Dispose();
                throw TooLarge(options);
            }

            yield return new BulkImage(index++, name, bytes);
        }
    }

    public void Dispose() => _file.Dispose();

    private static async Task CopyAsync(HttpRequest request, FileStream file, BulkOptions options, CancellationToken cancellationToken)
    {
        if (request.ContentLength > options.MaxBytes)
        {
            throw TooLarge(options);
        }

        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = options.MaxBytes;
        }

        byte[] buffer = new byte[BufferSize];
        while (await request.Body.ReadAsync(buffer, cancellationToken) is > 0 and int count)
        {
            if (file.Position + count > options.MaxBytes)
            {
                throw TooLarge(options);
            }

            await file.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
        }
    }

    private static string? Boundary(MediaTypeHeaderValue? type) => type?.MediaType.Value?.ToLowerInvariant() switch
    {
        "application/zip" or "application/x-zip-compressed" => null,
        "multipart/form-data" or "multipart/mixed" when HeaderUtilities.RemoveQuotes(type.Boundary).Value is { Length: > 0 } boundary => boundary,
        _ => throw new SegmentationException(SegmentationError.UnsupportedMediaType, "Send multipart/form-data with an image in each part, or application/zip."),
    };

    private async IAsyncEnumerable<(string Name, Stream Content)> FormAsync(string boundary, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        MultipartReader reader = new(boundary, _file, BufferSize);
        while (await Guarded(() => reader.ReadNextSectionAsync(cancellationToken), cancellationToken) is { } section)
        {
            yield return (Name(section), section.Body);
        }
    }

    private static string Name(MultipartSection section)
    {
        try
        {
            ContentDispositionHeaderValue? disposition = section.GetContentDispositionHeader();
            StringSegment name = disposition?.FileNameStar.HasValue is true ? disposition.FileNameStar : disposition?.FileName.HasValue is true ? disposition.FileName : disposition?.Name ?? "";
            return HeaderUtilities.RemoveQuotes(name).ToString();
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return ""; // the header falls over a parameter without its value, and over text in UTF-7
        }
    }

    // Asynchronous for the sake of its sibling; a zip is read from a file.
    private async IAsyncEnumerable<(string Name, Stream Content)> Zip(int maxImages)
    {
        ZipDirectory.Check(_file, maxImages);
        using ZipArchive zip = await Guarded(() => Task.FromResult(new ZipArchive(_file, ZipArchiveMode.Read, leaveOpen: true)), CancellationToken.None);
        IReadOnlyCollection<ZipArchiveEntry> entries = await Guarded(() => Task.FromResult(zip.Entries), CancellationToken.None); // where the list is read
        foreach (ZipArchiveEntry entry in entries.Where(e => e.Name.Length > 0)) // folders have none
        {
            await using Stream content = await Guarded(() => Task.FromResult(entry.Open()), CancellationToken.None);
            yield return (entry.FullName, content);
        }
    }

    private static async Task<PooledBufferWriter> ReadAsync(Stream content, long maxBytes, CancellationToken cancellationToken)
    {
        using Owned<PooledBufferWriter> owned = new(new PooledBufferWriter());
        PooledBufferWriter bytes = owned.Value;
        int count;
        do
        {
            count = await Guarded(() => content.ReadAsync(bytes.GetMemory(), cancellationToken).AsTask(), cancellationToken);
            bytes.Advance(count);
        }
        while (count > 0 && bytes.Written.Length <= maxBytes);
        return owned.Release();
    }

    private static async Task<T> Guarded<T>(Func<Task<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (MalformedBody.IsReasonOf(e, cancellationToken))
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, "The form or the zip is damaged: " + e.Message, e);
        }
    }

    private static SegmentationException TooLarge(BulkOptions options) =>
        new(SegmentationError.PayloadTooLarge, $"The request has more than {options.MaxBytes:N0} bytes, packed or unpacked, the most that is accepted; send several.");
}

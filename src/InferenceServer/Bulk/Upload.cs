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

/// <summary>The body of a request with many images, in a file.</summary>
/// <remarks>The body is received completely before the first answer: most clients read nothing until they have sent
/// everything, and a zip has its list of files at the end.</remarks>
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

    /// <summary>Receives a request's body into a temporary file that no other user can read. The file is deleted on
    /// disposal.</summary>
    /// <param name="request">The request.</param>
    /// <param name="options">Limits of the upload.</param>
    /// <param name="hold">Called with the bytes that have arrived; throws where the server has no room for them.</param>
    /// <param name="cancellationToken">Cancels receiving.</param>
    /// <exception cref="SegmentationException">The body is neither a form nor a zip, or too large.</exception>
    public static async Task<Upload> ReceiveAsync(
        HttpRequest request, BulkOptions options, Action<long> hold, CancellationToken cancellationToken)
    {
        string? boundary = Boundary(request.GetTypedHeaders().ContentType);
        using Owned<FileStream> file = new(PrivateFiles.CreateTemporary());
        await CopyAsync(request, file.Value, options, hold, cancellationToken);
        return new Upload(file.Release(), boundary);
    }

    /// <summary>Reads the images, one after another. The caller disposes each.</summary>
    /// <param name="options">Limits of the whole upload.</param>
    /// <param name="maxBytes">Most bytes of one image. A larger image is read only as far as to find that it is too
    /// large.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <exception cref="SegmentationException">The form or the zip is damaged, or too large.</exception>
    public async IAsyncEnumerable<BulkImage> ImagesAsync(
        BulkOptions options, long maxBytes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long total = 0;
        int index = 0;
        _file.Position = 0;
        IAsyncEnumerable<(string Name, Stream Content)> parts =
            _boundary is null ? Zip(options.MaxImages) : FormAsync(_boundary, cancellationToken);
        await foreach ((string name, Stream content) in parts)
        {
            if (index == options.MaxImages)
            {
                throw new SegmentationException(
                    SegmentationError.PayloadTooLarge,
                    $"Expected at most {options.MaxImages:N0} images (Bulk:MaxImages), got more. "
                    + "Send several requests.");
            }

            PooledBufferWriter bytes = await ReadAsync(
                content, Math.Min(maxBytes, options.MaxBytes - total), cancellationToken);
            if ((total += bytes.Written.Length) > options.MaxBytes)
            {
                bytes.Dispose();
                throw TooLarge(options);
            }

            yield return new BulkImage(index++, name, bytes);
        }
    }

    public void Dispose() => _file.Dispose();

    private static async Task CopyAsync(
        HttpRequest request, FileStream file, BulkOptions options, Action<long> hold, CancellationToken cancellationToken)
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

            hold(file.Position + count);
            await file.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
        }
    }

    private static string? Boundary(MediaTypeHeaderValue? type) => type?.MediaType.Value?.ToLowerInvariant() switch
    {
        "application/zip" or "application/x-zip-compressed" => null,
        "multipart/form-data" or "multipart/mixed"
            when HeaderUtilities.RemoveQuotes(type.Boundary).Value is { Length: > 0 } boundary => boundary,
        _ => throw new SegmentationException(
            SegmentationError.UnsupportedMediaType,
            $"Content-Type: expected multipart/form-data with a boundary, or application/zip, got '{type}'. "
            + "Send an image in each part, or a zip of images."),
    };

    private async IAsyncEnumerable<(string Name, Stream Content)> FormAsync(
        string boundary, [EnumeratorCancellation] CancellationToken cancellationToken)
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
            if (disposition is null)
            {
                return "";
            }

            StringSegment name = disposition.FileNameStar;
            name = name.HasValue ? name : disposition.FileName;
            name = name.HasValue ? name : disposition.Name;
            return HeaderUtilities.RemoveQuotes(name).ToString();
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return ""; // .NET throws for a parameter without a value, and for text in UTF-7
        }
    }

    // Asynchronous only to have the signature of FormAsync.
    private async IAsyncEnumerable<(string Name, Stream Content)> Zip(int maxImages)
    {
        ZipDirectory.Check(_file, maxImages);
        using ZipArchive zip = await Guarded(
            () => Task.FromResult(new ZipArchive(_file, ZipArchiveMode.Read, leaveOpen: true)), CancellationToken.None);
        // Reads the list of files.
        IReadOnlyCollection<ZipArchiveEntry> entries = await Guarded(
            () => Task.FromResult(zip.Entries), CancellationToken.None);
        foreach (ZipArchiveEntry entry in entries.Where(e => e.Name.Length > 0)) // folders have no name
        {
            await using Stream content = await Guarded(() => Task.FromResult(entry.Open()), CancellationToken.None);
            yield return (entry.FullName, content);
        }
    }

    private static async Task<PooledBufferWriter> ReadAsync(
        Stream content, long maxBytes, CancellationToken cancellationToken)
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
            throw new SegmentationException(
                SegmentationError.InvalidRequest, "Expected a complete form or zip, got a damaged one: " + e.Message,
                e);
        }
    }

    private static SegmentationException TooLarge(BulkOptions options) => new(
        SegmentationError.PayloadTooLarge,
        $"Expected at most {options.MaxBytes:N0} bytes, packed and unpacked (Bulk:MaxBytes), got more. "
        + "Send several requests.");
}

using System.IO.Compression;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using InferenceServer.Errors;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Storage;
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
        using Owned<FileStream> file = new(await StoredAsync(() => Task.FromResult(PrivateFiles.CreateTemporary())));
        await CopyAsync(request, file.Value, options, hold, cancellationToken);
        return new Upload(file.Release(), boundary);
    }

    /// <summary>The announced length of a request's body; 0 where none is announced.</summary>
    /// <exception cref="SegmentationException">The body is too large.</exception>
    public static long Announced(HttpRequest request, BulkOptions options)
    {
        if (request.ContentLength > options.MaxBytes)
        {
            throw TooLarge(options);
        }

        return request.ContentLength ?? 0;
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
        IAsyncEnumerable<Part> parts =
            _boundary is null ? Zip(options.MaxImages) : FormAsync(_boundary, cancellationToken);
        await foreach (Part part in parts)
        {
            if (index == options.MaxImages)
            {
                throw new SegmentationException(
                    SegmentationError.PayloadTooLarge,
                    $"Expected at most {options.MaxImages:N0} images (Bulk:MaxImages), got more. "
                    + "Send several requests.");
            }

            using Owned<PooledBufferWriter> bytes = new(new PooledBufferWriter());
            SegmentationException? fault = await ReadAsync(
                part, bytes.Value, Math.Min(maxBytes, options.MaxBytes - total), cancellationToken);
            if ((total += bytes.Value.Written.Length) > options.MaxBytes)
            {
                throw TooLarge(options);
            }

            yield return new BulkImage(index++, part.Name, bytes.Release(), fault);
        }
    }

    public void Dispose() => _file.Dispose();

    private static async Task CopyAsync(
        HttpRequest request, FileStream file, BulkOptions options, Action<long> hold, CancellationToken cancellationToken)
    {
        _ = Announced(request, options);
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
            await StoredAsync(async () =>
            {
                await file.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                return file;
            });
        }

        await StoredAsync(async () =>
        {
            await file.FlushAsync(cancellationToken);
            return file;
        });
    }

    // Only a call that touches nothing but the file: its failures are those of the server's disk.
    private static async Task<T> StoredAsync<T>(Func<Task<T>> write)
    {
        try
        {
            return await write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string problem = FullVolume.IsReasonOf(e) ? "is full" : "is missing or cannot be written";
            throw new SegmentationException(
                ErrorTable.InsufficientStorage,
                $"The server cannot keep the images of this request: its temporary folder (TMPDIR) {problem}. "
                + "Send fewer images, or try again later; an operator must give the folder more room.", e);
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

    private async IAsyncEnumerable<Part> FormAsync(
        string boundary, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        MultipartReader reader = new(boundary, _file, BufferSize);
        while (await Guarded(() => reader.ReadNextSectionAsync(cancellationToken), cancellationToken) is { } section)
        {
            yield return new Part(Name(section), section.Body, Crc: null, Fault: null);
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
    private async IAsyncEnumerable<Part> Zip(int maxImages)
    {
        ZipDirectory.Check(_file, maxImages);
        using ZipArchive zip = await Guarded(
            () => Task.FromResult(new ZipArchive(_file, ZipArchiveMode.Read, leaveOpen: true)), CancellationToken.None);
        // Reads the list of files.
        IReadOnlyCollection<ZipArchiveEntry> entries = await Guarded(
            () => Task.FromResult(zip.Entries), CancellationToken.None);
        foreach (ZipArchiveEntry entry in entries.Where(e => e.Name.Length > 0)) // folders have no name
        {
            using Part part = Open(entry);
            yield return part;
        }
    }

    // A file that cannot be read has an answer of its own: the others are answered.
    private static Part Open(ZipArchiveEntry entry)
    {
        if (entry.IsEncrypted)
        {
            return new Part(entry.FullName, Stream.Null, Crc: null, Unreadable("it is encrypted. Pack it without a password."));
        }

        try
        {
            return new Part(entry.FullName, entry.Open(), entry.Crc32, Fault: null);
        }
        catch (Exception e) when (MalformedBody.IsReasonOf(e, CancellationToken.None))
        {
            return new Part(entry.FullName, Stream.Null, Crc: null, Unreadable(e.Message + " Pack it with deflate.", e));
        }
    }

    // Returns why the image alone cannot be read. A form that cannot be read has no further images.
    private static async Task<SegmentationException?> ReadAsync(
        Part part, PooledBufferWriter bytes, long maxBytes, CancellationToken cancellationToken)
    {
        if (part.Fault is not null)
        {
            return part.Fault;
        }

        try
        {
            int count;
            do
            {
                count = await part.Content.ReadAsync(bytes.GetMemory(), cancellationToken);
                bytes.Advance(count);
            }
            while (count > 0 && bytes.Written.Length <= maxBytes);
        }
        catch (Exception e) when (MalformedBody.IsReasonOf(e, cancellationToken))
        {
            if (part.Crc is null)
            {
                throw Damaged(e);
            }

            return Unreadable(e.Message + " Pack it again.", e);
        }

        // The reader of .NET does not compare the checksum. Of an image that is too large, the end is not read.
        if (part.Crc is { } crc && bytes.Written.Length <= maxBytes && Crc32.HashToUInt32(bytes.Written.Span) != crc)
        {
            return Unreadable("its checksum (CRC-32) differs from that of its bytes. Pack it again.");
        }

        return null;
    }

    private static async Task<T> Guarded<T>(Func<Task<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (MalformedBody.IsReasonOf(e, cancellationToken))
        {
            throw Damaged(e);
        }
    }

    private static SegmentationException Damaged(Exception e) => new(
        SegmentationError.InvalidRequest, "Expected a complete form or zip, got a damaged one: " + e.Message, e);

    private static SegmentationException Unreadable(string why, Exception? cause = null) =>
        new(SegmentationError.UndecodableImage, "This file cannot be read from the zip: " + why, cause);

    private static SegmentationException TooLarge(BulkOptions options) => new(
        SegmentationError.PayloadTooLarge,
        $"Expected at most {options.MaxBytes:N0} bytes, packed and unpacked (Bulk:MaxBytes), got more. "
        + "Send several requests.");

    /// <summary>An image as it lies in the upload.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Content">Its bytes; disposed with the part.</param>
    /// <param name="Crc">The checksum of its bytes; null where the upload has none.</param>
    /// <param name="Fault">Why its bytes cannot be read; null where they can.</param>
    private sealed record Part(string Name, Stream Content, uint? Crc, SegmentationException? Fault) : IDisposable
    {
        public void Dispose() => Content.Dispose();
    }
}

using System.Globalization;
using System.Reflection;
using InferenceServer.Hosting;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Refinement;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.ResponseCompression;

namespace InferenceServer.Segment;

/// <summary>A mask as the answer, with headers for the model and for the time of each stage.</summary>
/// <remarks>Owns the admitted request, which gives its place back once the mask is made; the model stays open until the
/// last bytes are on their way.</remarks>
internal sealed class MaskResult(AdmittedRequest admitted, MaskFormat format) : IResult, IEndpointMetadataProvider, IDisposable
{
    private const int LabelBitsOfCrf = 8;
    private string? _encoding;

    /// <summary>Receives the encoded mask.</summary>
    public PooledBufferWriter Mask { get; private set; } = new() { TakesTail = true };

    /// <summary>The mask's size.</summary>
    public ImageSize Size { get; set; }

    /// <summary>The caller's wish to keep the lattice of the image; null for none.</summary>
    public LatticeTicket? Lattice { get; set; }

    /// <summary>Where the image lies on the map; null where neither its file nor the request says.</summary>
    public Georeference? Georeference { get; set; }

    /// <summary>Bits of a label where the format is nothing but labels; else null.</summary>
    public static int? LabelBits(MaskFormat format, LoadedModel? model)
    {
        if (format == MaskFormat.Raw)
        {
            return model?.Postprocessor.LabelBits ?? LabelBitsOfCrf;
        }

        return null;
    }

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) => builder.Metadata.Add(
        new ProducesResponseTypeMetadata(StatusCodes.Status200OK, contentTypes: [.. MaskFormat.All.Select(f => f.MediaType).Distinct()]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using MaskResult owned = this;
        HttpResponse response = httpContext.Response;
        Compression.Describe(response, format.MediaType, _encoding);
        IReadOnlyList<ReadOnlyMemory<byte>> parts = Mask.Parts;
        response.ContentLength = parts.Sum(part => (long)part.Length);
        if (admitted.ModelOrNone is { } model)
        {
            response.Headers["X-Model"] = model.Name;
            response.Headers["X-Model-Version"] = model.Version.ToString(CultureInfo.InvariantCulture);
        }

        response.Headers["X-Image-Width"] = Size.Width.ToString(CultureInfo.InvariantCulture);
        response.Headers["X-Image-Height"] = Size.Height.ToString(CultureInfo.InvariantCulture);
        if (LabelBits(format, admitted.ModelOrNone) is { } bits)
        {
            response.Headers["X-Label-Bits"] = bits.ToString(CultureInfo.InvariantCulture);
        }

        if (Georeference is not null)
        {
            response.Headers["X-Georeference"] = Georeference.ToJson();
        }

        if (Lattice?.Key is { } key)
        {
            response.Headers[LatticeHeader.Name] = key;
        }

        response.Headers["Server-Timing"] = ServerTiming(admitted.Timings);
        await AnswerWriter.SendAsync(httpContext, admitted, Mask, parts);
    }

    /// <summary>Compresses the mask; its image has given back more memory than this takes.</summary>
    public MaskResult Compress(ICompressionProvider compression, CancellationToken cancellationToken)
    {
        using PooledBufferWriter plain = Mask;
        (Mask, _encoding) = (compression.Compress(plain.Parts, cancellationToken), compression.EncodingName);
        return this;
    }

    public void Dispose()
    {
        Mask.Dispose();
        admitted.Dispose();
    }

    private static string ServerTiming(StageTimings timings)
    {
        IEnumerable<string> entries =
            from stage in StageTimings.Stages
            where stage != Stage.Write
            select string.Create(
                CultureInfo.InvariantCulture,
                $"{StageTimings.Names[(int)stage]};dur={timings[stage].TotalMilliseconds:F2}");
        return string.Join(", ", entries);
    }
}

using System.Buffers;
using System.Globalization;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Pipeline;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference;

/// <summary>Runs admitted requests of the protocol, over HTTP and gRPC: an encoded image becomes its mask, a tensor
/// the network's output.</summary>
internal sealed class InferHandler(Segmenter segmenter, TensorRunner tensors, IOptions<OpenInferenceOptions> options)
{
    private const int BatchAxis = 0;

    /// <summary>Most bytes of a request.</summary>
    public int MaxBytes => options.Value.MaxMessageBytes;

    /// <summary>Runs a request.</summary>
    /// <param name="admitted">The admitted request; the caller still owns it.</param>
    /// <param name="view">The form of the model that the request names.</param>
    /// <param name="request">The request; the caller still owns it.</param>
    /// <returns>The output; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The request failed.</exception>
    public async Task<OutputTensor> RunAsync(AdmittedRequest admitted, ProtocolModel view, InferRequest request)
    {
        ProtocolParameters.Apply(request, admitted);
        InferInput input = Input(ModelCatalog.Input(view, admitted.Model), request);
        TensorMetadata output = ModelCatalog.Output(view, admitted.Model);
        if (request.Outputs.FirstOrDefault(o => o.Name != output.Name) is { } unknown)
        {
            throw Invalid($"Expected the output '{output.Name}' of the model '{view.Name}', got '{unknown.Name}'.");
        }

        if (view.IsImage)
        {
            return await SegmentAsync(admitted, input, request.Parameters);
        }

        return await InferAsync(admitted, input, output, asText: !request.IsBinary(output.Name));
    }

    private static InferInput Input(TensorMetadata expected, InferRequest request)
    {
        if (request.Inputs is not [var input])
        {
            throw Invalid($"Expected one input, '{expected.Name}', got {request.Inputs.Count}.");
        }

        if (input.Name is null)
        {
            return input with { Name = expected.Name, Datatype = expected.Datatype, Shape = RawShape(expected, input.Data.Length) };
        }

        if (input.Name == expected.Name)
        {
            return input;
        }

        throw Invalid(
            $"Expected the input '{expected.Name}', got '{input.Name}'.");
    }

    // The length of a raw body determines at most one free side.
    private static IReadOnlyList<long> RawShape(TensorMetadata expected, int bytes)
    {
        if (expected.Datatype == Datatype.Bytes)
        {
            return expected.Shape;
        }

        if (expected.Shape.Count(d => d < 0) > 1)
        {
            throw Invalid(
                $"The input '{expected.Name}' has several free sides ({string.Join(", ", expected.Shape)}), "
                + "and Inference-Header-Content-Length: 0 cannot give their lengths. Send the shape as JSON.");
        }

        long known = expected.Shape.Where(d => d > 0).Aggregate((long)sizeof(float), (product, d) => product * d);
        return [.. expected.Shape.Select(d => d < 0 ? bytes / known : d)];
    }

    private async Task<OutputTensor> SegmentAsync(
        AdmittedRequest admitted, InferInput input, InferParameters parameters)
    {
        if (input.Datatype != Datatype.Bytes || input.Elements is not [var image] || input.Shape.Any(d => d != 1))
        {
            string shape = string.Join(", ", input.Shape);
            throw Invalid(
                $"The input '{ProtocolModel.Image}': "
                + $"expected one encoded image with datatype {Datatype.Bytes} and shape [1], "
                + $"got {input.Datatype} with shape [{shape}].");
        }

        using Owned<PooledBufferWriter> mask = new(new PooledBufferWriter());
        SegmentSettings settings = ImageParameters.Read(parameters) with { Format = MaskFormat.Raw };
        using SegmentationResult result = await segmenter.SegmentAsync(
            admitted, new() { Image = image, Settings = settings, Output = mask.Value });
        return new OutputTensor(
            ProtocolModel.Mask, Datatype.OfLabels(admitted.Model), [result.Mask.Size.Height, result.Mask.Size.Width], mask.Release());
    }

    private async Task<OutputTensor> InferAsync(
        AdmittedRequest admitted, InferInput input, TensorMetadata output, bool asText)
    {
        using DisposableList<ModelOutput> outputs = input.Datatype switch
        {
            Datatype.Float32 => await tensors.RunAsync(admitted, input.Shape, input.Data, asText),
            Datatype.Bytes when input.Shape is [var images] && images == input.Elements.Count =>
                await tensors.RunAsync(admitted, input.Elements, asText),
            _ => throw Invalid(string.Create(
                CultureInfo.InvariantCulture,
                $"The input '{input.Name}': expected {Datatype.Float32} as in the graph, or {Datatype.Bytes} of " +
                $"shape [N] for N encoded images; "
                + $"got {input.Datatype} of shape "
                + $"[{string.Join(", ", input.Shape)}] with {input.Elements.Count} elements.")),
        };
        return await segmenter.ComputeAsync(admitted, Stage.Encode, () => Join(outputs, output));
    }

    private static OutputTensor Join(DisposableList<ModelOutput> outputs, TensorMetadata output)
    {
        long[] shape = [.. outputs[0].Shape.Select(d => (long)d)];
        if (outputs.Any(o => !o.Shape.SequenceEqual(outputs[0].Shape)))
        {
            throw Invalid(
                "Expected images with outputs of one size, got different sizes, which cannot form one tensor. Send each " +
                "image by itself.");
        }

        shape[BatchAxis] = outputs.Count == 1 ? shape[BatchAxis] : outputs.Count;
        PooledBufferWriter data = new(outputs.Sum(o => o.Data.Length));
        foreach (ModelOutput one in outputs)
        {
            data.Write(one.Data);
        }

        return new OutputTensor(output.Name, output.Datatype, shape, data);
    }

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}

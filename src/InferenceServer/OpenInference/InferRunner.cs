using System.Buffers;
using System.Globalization;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Pipeline;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.OpenInference;

/// <summary>Runs a request of the protocol on the runtime's roads: an encoded image on the segmenter's, a tensor on the scheduler's. The same for HTTP and gRPC.</summary>
internal sealed class InferRunner(Segmenter segmenter, TensorRunner tensors)
{
    private const int BatchAxis = 0;

    /// <summary>Runs it.</summary>
    /// <param name="admitted">Its place, which stays the caller's.</param>
    /// <param name="view">The form of the model that it asked.</param>
    /// <param name="request">Stays the caller's.</param>
    /// <param name="timings">Gets the time of each stage.</param>
    /// <returns>The one output, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Everything that can go wrong.</exception>
    public async Task<OutputTensor> RunAsync(AdmittedRequest admitted, ProtocolModel view, InferRequest request, StageTimings timings)
    {
        ProtocolParameters.Apply(request, admitted);
        InferInput input = Input(ModelCatalog.Input(view, admitted.Model), request);
        TensorMetadata output = ModelCatalog.Output(view, admitted.Model);
        if (request.Outputs.FirstOrDefault(o => o.Name != output.Name) is { } unknown)
        {
            throw Invalid($"The model '{view.Name}' has no output '{unknown.Name}'; it has '{output.Name}'.");
        }

        return view.IsImage
            ? await SegmentAsync(admitted, input, request.Parameters, timings)
            : await InferAsync(admitted, input, output, asText: !request.IsBinary(output.Name), timings);
    }

    private static InferInput Input(TensorMetadata expected, InferRequest request)
    {
        if (request.Inputs is not [var input])
        {
            throw Invalid($"The model takes one input, '{expected.Name}'; there are {request.Inputs.Count}.");
        }

        if (input.Name is null)
        {
            return input with { Name = expected.Name, Datatype = expected.Datatype, Shape = RawShape(expected, input.Data.Length) };
        }

        return input.Name == expected.Name ? input : throw Invalid($"The model has no input '{input.Name}'; it takes '{expected.Name}'.");
    }

    // What the body's length leaves open cannot be told without JSON.
    private static IReadOnlyList<long> RawShape(TensorMetadata expected, int bytes)
    {
        if (expected.Datatype == Datatype.Bytes)
        {
            return expected.Shape;
        }

        if (expected.Shape.Count(d => d < 0) > 1)
        {
            throw Invalid($"The input '{expected.Name}' has several sides that a request chooses ({string.Join(", ", expected.Shape)}), so Inference-Header-Content-Length: 0 cannot say which it means; send its shape as JSON.");
        }

        long known = expected.Shape.Where(d => d > 0).Aggregate((long)sizeof(float), (product, d) => product * d);
        return [.. expected.Shape.Select(d => d < 0 ? bytes / known : d)];
    }

    private async Task<OutputTensor> SegmentAsync(AdmittedRequest admitted, InferInput input, InferParameters parameters, StageTimings timings)
    {
        if (input.Datatype != Datatype.Bytes || input.Elements is not [var image] || input.Shape.Any(d => d != 1))
        {
            throw Invalid($"The input '{ProtocolModel.Image}' is one encoded image: datatype {Datatype.Bytes}, shape [1].");
        }

        SegmentationRequest request = ImageParameters.Read(parameters, image, timings);
        using SegmentationResult result = await segmenter.SegmentAsync(admitted, request);
        PooledBufferWriter mask = new();
        try
        {
            await segmenter.EncodeAsync(admitted, result, MaskFormat.Raw, FormatSettings.Default, mask);
            return new OutputTensor(ProtocolModel.Mask, Datatype.UInt8, [result.Mask.Size.Height, result.Mask.Size.Width], mask);
        }
        catch
        {
            mask.Dispose();
            throw;
        }
    }

    private async Task<OutputTensor> InferAsync(AdmittedRequest admitted, InferInput input, TensorMetadata output, bool asText, StageTimings timings)
    {
        IReadOnlyList<InputTensor> inputs = input.Datatype switch
        {
            Datatype.Float32 => await tensors.ReadAsync(admitted, input.Shape, input.Data, timings),
            Datatype.Bytes when input.Shape is [var images] && images == input.Elements.Count => await tensors.DecodeAsync(admitted, input.Elements, timings),
            _ => throw Invalid(string.Create(
                CultureInfo.InvariantCulture, $"The input '{input.Name}' takes {Datatype.Float32} as the graph does, or {Datatype.Bytes} of shape [N] for N encoded images; found {input.Datatype} of shape [{string.Join(", ", input.Shape)}] with {input.Elements.Count} elements.")),
        };
        IReadOnlyList<ModelOutput> outputs = await tensors.RunAsync(admitted, inputs, asText, timings);
        try
        {
            return await segmenter.ComputeAsync(admitted, timings, Stage.Encode, () => Join(outputs, output));
        }
        finally
        {
            foreach (ModelOutput one in outputs)
            {
                one.Dispose();
            }
        }
    }

    private static OutputTensor Join(IReadOnlyList<ModelOutput> outputs, TensorMetadata output)
    {
        long[] shape = [.. outputs[0].Shape.Select(d => (long)d)];
        if (outputs.Any(o => !o.Shape.SequenceEqual(outputs[0].Shape)))
        {
            throw Invalid("The images of one request have outputs of different sizes, which make no tensor; send each by itself.");
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

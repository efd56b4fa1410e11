using System.Diagnostics.CodeAnalysis;
using DenseCrf;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Segment;

namespace InferenceServer.Refine;

/// <summary>Reads the form of a request for refinement: an image, scores or labels, and kernels.</summary>
/// <remarks>An array is read as it arrives, once its header was compared with the limits and with the image, where that came
/// first.</remarks>
internal sealed class RefineFormReader(Segmenter segmenter, ImageDecoder decoder)
{
    private const int MostKernelBytes = 4 << 20; // four matrices of 256 classes
    private const int ParsedKernels = 8;         // bytes in memory for each byte of JSON

    /// <summary>Reads the form of an admitted request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="admitted">What it may hold.</param>
    /// <param name="settings">The request's parameters.</param>
    /// <returns>The image and the scores; the caller disposes them.</returns>
    /// <exception cref="SegmentationException">A part is missing, unknown, too large or wrong.</exception>
    public async Task<RequestImages> ReadAsync(HttpRequest request, AdmittedRequest admitted, SegmentSettings settings)
    {
        int? classes = segmenter.CheckGiven(settings)?.Names.Count;
        using Form form = new(segmenter, decoder, admitted, settings);
        await admitted.ReadAsync(async () =>
        {
            await RequestImageReader.ReadPartsAsync(request, form.ReadAsync, admitted.Cancellation);
            return form;
        });
        form.CheckComplete();
        if (form.LabelMap is { } map)
        {
            form.Scores = await segmenter.ComputeAsync(
                admitted, Stage.Decode, () => ReadLabels(
                    map, classes, settings.Given.LabelConfidence ?? GivenScores.UsualConfidence, form.Accept));
        }

        return form.Take();
    }

    private static GivenScores ReadLabels(PooledBufferWriter map, int? classes, float confidence, Action<ImageSize, int> accept)
    {
        try
        {
            return GivenScores.OfLabels(map.Written.Span, classes, confidence, accept);
        }
        catch (InvalidDataException e)
        {
            throw Wrong("label_map", e);
        }
    }

    private static SegmentationException Wrong(string name, Exception e) =>
        new(SegmentationError.InvalidRequest, $"{name}: {e.Message}", e);

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);

    /// <summary>The parts that have arrived.</summary>
    private sealed class Form(Segmenter segmenter, ImageDecoder decoder, AdmittedRequest admitted, SegmentSettings settings) : IDisposable
    {
        private PooledBufferWriter? _image;
        private PooledBufferWriter? _kernelText;
        private ImageSize? _size;
        private IReadOnlyList<CrfKernel>? _kernels;
        private long _bytes;

        public GivenScores? Scores { get; set; }

        public PooledBufferWriter? LabelMap { get; private set; }

        public Task ReadAsync(string? name, Stream body) => name switch
        {
            "image" or "file" when _image is null => ReadImageAsync(body),
            "probabilities" when !HasScores => ReadScoresAsync(body),
            "label_map" when !HasScores => ReadLabelsAsync(body),
            "kernels" when _kernelText is null => ReadKernelsAsync(body),
            "image" or "file" or "kernels" => throw Invalid($"Expected one part '{name}', got several. Send one."),
            "probabilities" or "label_map" => throw Invalid(
                "Expected one part 'probabilities' or 'label_map', got several. Send one of them."),
            _ => throw Invalid(
                $"Expected parts named 'image', 'probabilities' or 'label_map', and 'kernels', got a part '{name}'. "
                + "Parameters go into the query, as in ?crf.iterations=5."),
        };

        [MemberNotNull(nameof(_image))]
        public void CheckComplete()
        {
            if (_image is null)
            {
                throw Invalid("Expected a part named 'image', got none.");
            }

            if (!HasScores)
            {
                throw Invalid("Expected a part named 'probabilities' (.npy) or 'label_map' (PNG), got none.");
            }
        }

        /// <summary>Checks the size of scores before memory is taken for them, and claims it.</summary>
        public void Accept(ImageSize size, int planes)
        {
            decoder.CheckSize(size);
            if (_size is { } image && size != image)
            {
                throw new InvalidDataException(GivenScores.WrongSize(size, image));
            }

            segmenter.HoldGiven(admitted, settings, size, planes);
        }

        /// <summary>Hands the parts over.</summary>
        public RequestImages Take()
        {
            RequestImages taken = new(_image!) { Scores = Scores, Kernels = _kernels };
            (_image, Scores) = (null, null);
            return taken;
        }

        public void Dispose()
        {
            _image?.Dispose();
            _kernelText?.Dispose();
            LabelMap?.Dispose();
            Scores?.Dispose();
        }

        private bool HasScores => Scores is not null || LabelMap is not null;

        private async Task ReadImageAsync(Stream body)
        {
            _image = await BytesAsync(body, decoder.Limits.MaxBytes, "The image", copies: 1);
            using EncodedImage encoded = decoder.Open(_image.Written, hasChoices: false);
            _size = encoded.Size;
        }

        private async Task ReadScoresAsync(Stream body)
        {
            if (settings.Given.LabelConfidence is not null)
            {
                throw Invalid("label_confidence: expected with label_map only, got it with probabilities. Leave it out.");
            }

            try
            {
                Scores = await GivenScores.ReadAsync(body, settings.Given.AreEnergies, Accept, admitted.Cancellation);
            }
            catch (InvalidDataException e)
            {
                throw Wrong("probabilities", e);
            }
        }

        private async Task ReadLabelsAsync(Stream body)
        {
            if (settings.Given.AreEnergies)
            {
                throw Invalid("energies: expected with probabilities only, got it with label_map. Leave it out.");
            }

            LabelMap = await BytesAsync(body, decoder.Limits.MaxBytes, "The label map", copies: 2); // reading unpacks a second one
        }

        private async Task ReadKernelsAsync(Stream body)
        {
            _kernelText = await BytesAsync(body, MostKernelBytes, "The list of kernels", ParsedKernels);
            try
            {
                _kernels = CrfKernelList.Parse(_kernelText.Written);
            }
            catch (FormatException e)
            {
                throw Invalid(e.Message);
            }
        }

        private async Task<PooledBufferWriter> BytesAsync(Stream body, long maxBytes, string what, int copies)
        {
            long before = _bytes;
            return await BodyReader.ReadAsync(body, length: null, maxBytes, Hold, what, admitted.Cancellation);

            void Hold(long bytes)
            {
                _bytes = before + (bytes * copies);
                admitted.HoldBytes(_bytes);
            }
        }
    }
}

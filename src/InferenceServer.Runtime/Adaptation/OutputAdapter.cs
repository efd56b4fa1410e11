using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Manifests;
using OnnxGraph;

namespace InferenceServer.Runtime.Adaptation;

/// <summary>Puts nodes behind a graph, so that it returns float32 scores N×C×h×w or integer labels N×h×w.</summary>
/// <param name="graph">The graph.</param>
/// <param name="writer">Receives the nodes.</param>
/// <param name="added">Receives what was added, one phrase each.</param>
internal sealed class OutputAdapter(Graph graph, NodeWriter writer, IList<string> added)
{
    private const float MaskThreshold = 0.5f;

    /// <summary>Element types of labels that the runtime reads as they are.</summary>
    private static readonly HashSet<ElementType> LabelTypes =
        [ElementType.UInt8, ElementType.Int8, ElementType.UInt16, ElementType.Int32, ElementType.Int64, ElementType.Float32];

    /// <summary>The largest value of a score that was quantised to a type.</summary>
    private static readonly Dictionary<ElementType, float> Largest = new()
    {
        [ElementType.UInt8] = byte.MaxValue,
        [ElementType.UInt16] = ushort.MaxValue,
    };

    private bool _isMask;
    private int _channels;

    /// <summary>Divides the logits.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>What the adapted output holds: scores or labels.</summary>
    public OutputKind Kind { get; private set; }

    /// <summary>Adapts a result.</summary>
    /// <param name="output">The graph's output.</param>
    /// <param name="order">The order of its axes.</param>
    /// <param name="kind">What it holds.</param>
    /// <param name="channels">Channels of a pixel; null where nothing says them.</param>
    /// <param name="threshold">The probability above which the second of two classes is taken; null for one
    /// half.</param>
    /// <param name="images">The name of a tensor with the number of images, where copies fill the batch.</param>
    /// <param name="isCut">Whether only the first image of a filled batch is kept.</param>
    public void Apply(ValueInfo output, string order, OutputKind kind, int? channels, double? threshold, string? images, bool isCut)
    {
        Kind = kind;
        _channels = channels ?? 0;
        int before = added.Count;
        string y = output.Name;
        y = kind is OutputKind.Labels or OutputKind.BinaryMask ? LabelOrder(y, order) : Order(y, order);
        y = Convert(y, output.Type, kind);
        y = Second(y, kind, channels, threshold);
        if (images is not null)
        {
            y = writer.First(y, images);
        }
        else if (isCut)
        {
            y = writer.Slice(y, axis: 0, 0, 1);
        }

        if (y == output.Name)
        {
            return;
        }

        Publish(output, y, before);
    }

    /// <summary>Makes scores from the class logits N×q×(n+1) and the mask logits N×q×h×w of queries.</summary>
    /// <remarks>Cheng et al., MaskFormer, NeurIPS 2021, section 3.4: a pixel's score of a class is the sum over the
    /// queries of the class's probability times the mask's; the last class, "no object", is left out.</remarks>
    public void ApplyQueries(ValueInfo classes, ValueInfo masks)
    {
        Kind = OutputKind.Probabilities;
        int before = added.Count;
        string probabilities = writer.Add("Softmax", [Float(classes.Name, classes.Type)], OnnxAttribute.Of("axis", 2));
        string named = writer.Slice(probabilities, axis: 2, 0, -1);
        string byClass = writer.Transpose(named, 0, 2, 1);
        string mask = writer.Add("Sigmoid", [Float(masks.Name, masks.Type)]);
        string flat = writer.Add("Reshape", [mask, writer.Constant(0, 0, -1)]);
        string scores = writer.Add("MatMul", [byClass, flat]);
        string height = writer.Length(mask, 2), width = writer.Length(mask, 3);
        string shape = writer.Add("Concat", [writer.Constant(0, 0), height, width], OnnxAttribute.Of("axis", 0));
        added.Add("output: softmax of the queries' classes times sigmoid of the queries' masks");
        Publish(masks, writer.Add("Reshape", [scores, shape]), before);
    }

    /// <summary>Adds a second output, the class of the highest score at each pixel: the first of several that are equal.</summary>
    /// <remarks>Not by ArgMax: ONNX Runtime leaves open which of several equal scores it finds on a GPU.</remarks>
    /// <param name="scores">The adapted output.</param>
    /// <param name="none">The label of pixels with a score that is NaN.</param>
    /// <returns>Name of the labels N×h×w of 8 bits; null where the scores are not those of 2 to 256 classes, or the graph's
    /// operators are too old.</returns>
    public string? AddLabels(string scores, int none)
    {
        if (Kind is not (OutputKind.Logits or OutputKind.Probabilities)
            || _channels is < 2 or > ArgMax.MaxClasses
            || none is < byte.MinValue or > byte.MaxValue
            || !writer.CanCompareFloats)
        {
            return null;
        }

        string classes = writer.Constant([_channels, 1, 1], [.. Enumerable.Range(0, _channels).Select(i => (float)i)]);
        string isHighest = writer.Add("Equal", [scores, writer.Reduce("ReduceMax", scores, axis: 1, keepAxis: true)]);
        string candidates = writer.Add("Where", [isHighest, classes, writer.Scalar(_channels)]);
        string first = writer.Reduce("ReduceMin", candidates, axis: 1, keepAxis: false);
        string isNumber = writer.Cast(writer.Add("Equal", [scores, scores]), ElementType.Float32);
        string numbers = writer.Reduce("ReduceMin", isNumber, axis: 1, keepAxis: false);
        string areNumbers = writer.Add("Less", [writer.Scalar(0), numbers]);
        string label = writer.Add("Where", [areNumbers, first, writer.Scalar(none)]);
        string labels = writer.Cast(label, ElementType.UInt8);
        added.Add("labels: the class of the highest score");
        graph.Outputs.Add(new ValueInfo(labels, ElementType.UInt8, shape: null));
        return labels;
    }

    // The output keeps its name; the graph's own value gets another.
    private void Publish(ValueInfo output, string y, int before)
    {
        string name = output.Name, inner = graph.UniqueName(name + "_adapted");
        NodeWriter.Rename(graph, name, inner);
        writer.Name(name, inner);
        writer.Name(y, name);
        if (added.Count == before)
        {
            added.Add("output: the rows of the images");
        }

        graph.Outputs.Clear();
        graph.Outputs.Add(new ValueInfo(name, OutputType(output.Type, _isMask), shape: null));
    }

    private ElementType OutputType(ElementType own, bool isMask) => Kind switch
    {
        OutputKind.Labels when isMask => ElementType.Int32,
        OutputKind.Labels when LabelTypes.Contains(own) => own,
        OutputKind.Labels when own is ElementType.Float16 or ElementType.Float64 or ElementType.BFloat16 => ElementType.Float32,
        OutputKind.Labels => ElementType.Int32,
        _ => ElementType.Float32,
    };

    private string Order(string y, string order)
    {
        if (order is "NCHW" or "N1HW")
        {
            return y;
        }

        added.Add($"output: {string.Join('×', order.ToCharArray())} to N×C×H×W");
        return order switch
        {
            "NHWC" or "NHW1" => writer.Transpose(y, 0, 3, 1, 2),
            "CHW" => writer.Unsqueeze(y, 0),
            "HWC" => writer.Unsqueeze(writer.Transpose(y, 2, 0, 1), 0),
            "NHW" => writer.Unsqueeze(y, 1),
            _ => writer.Unsqueeze(y, 0, 1),
        };
    }

    // Labels N×h×w and N×1×h×w are read as they are.
    private string LabelOrder(string y, string order)
    {
        if (order is not ("NHWC" or "NHW1" or "HWC"))
        {
            return y;
        }

        added.Add("output: without the last axis");
        return writer.Squeeze(y, order.Length - 1);
    }

    private string Convert(string y, ElementType type, OutputKind kind)
    {
        switch (kind)
        {
            case OutputKind.BinaryMask:
                Kind = OutputKind.Labels;
                _isMask = true;
                string mask = Float(y, type);
                added.Add("output: 1 where the mask is set");
                return writer.Cast(writer.Add("Greater", [mask, writer.Scalar(MaskThreshold)]), ElementType.Int32);
            case OutputKind.Labels:
                if (LabelTypes.Contains(type))
                {
                    return y;
                }

                // Fractions stay visible: they are no labels.
                ElementType read = type is ElementType.Float16 or ElementType.Float64 or ElementType.BFloat16
                    ? ElementType.Float32
                    : ElementType.Int32;
                added.Add($"output: {type.Name()} to {read.Name()}");
                return writer.Cast(y, read);
            case OutputKind.BinaryProbability:
                Kind = OutputKind.Probabilities;
                break;
        }

        string scores = Float(y, type);
        if (Kind is OutputKind.Probabilities or OutputKind.MultilabelProbabilities && Largest.TryGetValue(type, out float largest))
        {
            added.Add($"output: divided by {largest}");
            return writer.Add("Div", [scores, writer.Scalar(largest)]);
        }

        if (Temperature != 1)
        {
            added.Add($"output: divided by the temperature {Temperature}");
            return writer.Add("Div", [scores, writer.Scalar(Temperature)]);
        }

        return scores;
    }

    // A threshold of two exclusive classes is one of the second class alone.
    private string Second(string y, OutputKind kind, int? channels, double? threshold)
    {
        if (channels != 2 || threshold is null or 0.5 || kind is not (OutputKind.Logits or OutputKind.Probabilities))
        {
            return y;
        }

        _channels = 1;
        string second = writer.Slice(y, axis: 1, 1, 2);
        if (kind == OutputKind.Probabilities)
        {
            added.Add("output: the second class's probability");
            return second;
        }

        Kind = OutputKind.BinaryLogit;
        added.Add("output: the second class's logit less the first's");
        return writer.Add("Sub", [second, writer.Slice(y, axis: 1, 0, 1)]);
    }

    private string Float(string y, ElementType type)
    {
        if (type == ElementType.Float32)
        {
            return y;
        }

        added.Add($"output: {type.Name()} to float32");
        return writer.Cast(y, ElementType.Float32);
    }
}

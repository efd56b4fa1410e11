using System.Globalization;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Runtime.Models;

/// <summary>Holds the outputs of trial runs against the manifest.</summary>
internal sealed class OutputCheck
{
    /// <summary>By how much a probability may miss 0 or 1.</summary>
    private const float Slack = 0.01f;

    private readonly GraphManifest _graph;
    private readonly OutputKind _kind;
    private readonly int _classes;
    private readonly int _ignore;
    private readonly SortedSet<int> _labels = [];
    private float _lowest = float.PositiveInfinity;
    private float _highest = float.NegativeInfinity;
    private double _largestMiss;
    private long _pixels;
    private long _missing;

    /// <param name="manifest">The manifest.</param>
    /// <param name="kind">What the adapted output holds.</param>
    public OutputCheck(ModelManifest manifest, OutputKind kind)
    {
        _graph = manifest.Graph;
        _kind = kind;
        ClassTable table = ClassTable.Create(manifest);
        (_classes, _ignore) = (table.Names.Count, table.Ignore);
        Channels = Own(seen: 0);
    }

    /// <summary>Channels of the output.</summary>
    public int Channels { get; private set; }

    /// <summary>What is wrong with one output, one sentence each.</summary>
    public IEnumerable<string> Errors(ModelOutput output, int batch)
    {
        string shape = string.Join('×', output.Shape);
        bool labels = _kind == OutputKind.Labels;
        if (output.Shape.Count != 4 && !(labels && output.Shape.Count is 2 or 3))
        {
            yield return $"graph.output_layout: expected an output N×C×H×W, got {shape}";
            yield break;
        }

        if ((output.Shape.Count == 2 ? 1 : output.Shape[0]) != batch)
        {
            yield return $"graph.max_batch: expected {batch} results, got {shape}; set 1 for a fixed batch axis";
            yield break;
        }

        if (output.Height == 0 || output.Width == 0)
        {
            yield return
                $"preprocess.size.min: expected an output of at least one row and column, got {shape}; raise min. " +
                "Where convolutions without " +
                "padding cut off the border, write graph.output_border";
            yield break;
        }

        Channels = Own(output.Channels);
        if (output.Channels != Channels)
        {
            yield return $"classes.names: expected {Channels} channels for {_classes} names, got {output.Channels} " +
                $"({shape}){Hint(output.Channels)}";
            yield break;
        }

        for (int i = 0; i < batch && !labels; i++)
        {
            if (!AreFinite(output.Scores(i)))
            {
                yield return "expected finite scores, got NaN or infinity; check preprocess.mean and std, and the export's precision";
                yield break;
            }
        }
    }

    /// <summary>Looks at every value of an output without errors, for <see cref="Refusal"/> and <see
    /// cref="Warnings"/>.</summary>
    public IEnumerable<string> Look(ModelOutput output, int batch)
    {
        for (int i = 0; i < batch; i++)
        {
            if (_kind == OutputKind.Labels)
            {
                if (output.ElementType == TensorElementType.Float && !AreWhole(output.Scores(i)))
                {
                    yield return "graph.output_kind: expected labels, which are whole numbers, got fractions; for scores write \"logits\"";
                    yield break;
                }

                NoteLabels(output, i);
            }
            else
            {
                NoteScores(output.Scores(i), output.Channels);
            }
        }
    }

    /// <summary>Why the values of all outputs cannot be served; null where they can.</summary>
    public string? Refusal()
    {
        bool areProbabilities =
            _graph.OutputKind is OutputKind.Probabilities or OutputKind.BinaryProbability
                or OutputKind.MultilabelProbabilities;
        if (areProbabilities && (_lowest < -Slack || _highest > 1 + Slack))
        {
            string word = _graph.OutputKind switch
            {
                OutputKind.MultilabelProbabilities => "multilabel_logits",
                _ when Channels == 1 => "binary_logit",
                _ => "logits",
            };
            string remedy = AreMultiples
                ? "where these are probabilities times a number, export the graph without that product"
                : $"for scores without softmax or sigmoid write \"{word}\"";
            return string.Create(
                CultureInfo.InvariantCulture,
                $"graph.output_kind: expected probabilities of 0 to 1, got values of {_lowest:G3} to {_highest:G3}; {remedy}");
        }

        if (_graph.OutputKind == OutputKind.Labels && _classes == 2 && _labels.SetEquals([0, byte.MaxValue]))
        {
            return "graph.output_kind: expected labels 0 and 1, got 0 and 255; for a finished mask write \"binary_mask\"";
        }

        return null;
    }

    /// <summary>What may be wrong, one sentence each.</summary>
    public IEnumerable<string> Warnings()
    {
        bool inRange = _lowest >= 0 && _highest <= 1;
        bool sums = _pixels > 0 && _missing == 0;
        switch (_graph.OutputKind)
        {
            case OutputKind.Logits when inRange && sums && Channels > 1:
                yield return
                    "graph.output_kind: the scores lie within 0 to 1 and sum to 1 at each pixel, as probabilities " +
                    "do; write \"probabilities\", " +
                    "or confidences are wrong";
                break;
            case OutputKind.BinaryLogit when inRange:
                yield return
                    "graph.output_kind: all scores lie within 0 to 1, as probabilities do; if the graph ends in a sigmoid, write " +
                    "\"binary_probability\"";
                break;
            case OutputKind.BinaryLogit or OutputKind.MultilabelLogits when AreMultiples:
                yield return string.Create(
                    CultureInfo.InvariantCulture,
                    $"graph.output_kind: all scores are positive, {_lowest:G3} to {_highest:G3}, so that every pixel has the class; ")
                    + "where these are probabilities times a number, export the graph without that product";
                break;
            case OutputKind.MultilabelLogits when inRange:
                yield return
                    "graph.output_kind: all scores lie within 0 to 1, as probabilities do; if the graph ends in sigmoids, write " +
                    "\"multilabel_probabilities\"";
                break;
            case OutputKind.Probabilities when Channels > 1 && _missing > _pixels / 100:
                yield return string.Create(
                    CultureInfo.InvariantCulture,
                    $"graph.output_kind: the scores of a pixel do not sum to 1 (they miss 1 by up to " +
                    $"{_largestMiss:F2}); the most probable ") +
                    "class is taken at every pixel. If classes overlap, or a pixel may have none, write \"multilabel_probabilities\"";
                break;
            case OutputKind.Labels when _labels.LastOrDefault(l => l != _ignore && l != ushort.MaxValue) is var most && most >= _classes:
                yield return $"classes.names: the graph returned the label {most}, but there are {_classes} names";
                break;
        }
    }

    // Never negative, and above 1: no logits, unless of an image that is all one class.
    private bool AreMultiples => _lowest >= 0 && _highest > 1 + Slack;

    private int Own(int seen) => _kind switch
    {
        OutputKind.Labels or OutputKind.BinaryLogit => 1,
        OutputKind.Probabilities when _classes == 2 && seen == 1 => 1,
        _ => _classes,
    };

    private string Hint(int channels)
    {
        if (channels == 1 && _classes == 2)
        {
            return "; for one score of the second class write graph.output_kind \"binary_logit\" or \"binary_probability\"";
        }

        if (_graph.Output?.Name?.Contains("quer", StringComparison.OrdinalIgnoreCase) == true)
        {
            return "; for the class and mask logits of queries write graph.output_kind \"queries\"";
        }

        return "";
    }

    private static bool AreWhole(ReadOnlySpan<float> numbers)
    {
        foreach (float number in numbers)
        {
            if (number != MathF.Floor(number))
            {
                return false;
            }
        }

        return true;
    }

    private void NoteLabels(ModelOutput output, int index)
    {
        ushort[] labels = new ushort[output.Height * output.Width];
        output.CopyLabels(labels, ushort.MaxValue, index);
        _labels.UnionWith(labels.Select(label => (int)label));
    }

    private static bool AreFinite(ReadOnlySpan<float> scores)
    {
        foreach (float score in scores)
        {
            if (!float.IsFinite(score))
            {
                return false;
            }
        }

        return true;
    }

    private void NoteScores(ReadOnlySpan<float> scores, int channels)
    {
        // Quantised scores of many classes miss 1 by half a step each.
        double tolerance = Math.Max(0.02, channels / 400.0);
        int pixels = scores.Length / channels;
        _pixels += pixels;
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            double sum = 0;
            for (int i = pixel; i < scores.Length; i += pixels)
            {
                _lowest = Math.Min(_lowest, scores[i]);
                _highest = Math.Max(_highest, scores[i]);
                sum += scores[i];
            }

            double miss = Math.Abs(sum - 1);
            _largestMiss = Math.Max(_largestMiss, miss);
            if (miss > tolerance)
            {
                _missing++;
            }
        }
    }
}

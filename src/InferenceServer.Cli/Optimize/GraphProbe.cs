using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using Microsoft.ML.OnnxRuntime;
using OnnxGraph;

namespace InferenceServer.Cli.Optimize;

/// <summary>Runs a graph on the inputs that the server gives it, and shows values from its middle.</summary>
/// <param name="sessions">Opens the graph.</param>
/// <param name="request">What the model's manifest says of the graph.</param>
internal sealed class GraphProbe(SessionFactory sessions, AdaptationRequest request)
{
    // All values of a large network would take gigabytes at once.
    private const long MostBytes = 256L << 20;

    // Since this version the axes of a reduction are an input.
    private const int AxesAreInput = 18;

    /// <summary>Shows numbers that a run has reduced values to.</summary>
    /// <param name="file">The graph.</param>
    /// <param name="values">Names of float values.</param>
    /// <param name="reduction">ReduceMin, ReduceMax, or ReduceMean for one number of each channel.</param>
    /// <param name="inputs">The inputs; disposed after their run.</param>
    /// <param name="see">Called with the number of the input, the value and the reduced numbers.</param>
    public void Reduce(
        string file, IReadOnlyCollection<string> values, string[] reduction, IEnumerable<InputTensor> inputs, ValueSeen see)
    {
        using OnnxModel model = Adapt(file, out AdaptedGraph adapted);
        Dictionary<string, (string Value, string Reduction)> taps = [];
        foreach (string value in values)
        {
            foreach (string how in reduction)
            {
                string name = $"{value}/{how}";
                taps.Add(name, (value, how));
                model.Graph.Nodes.Add(Reduction(model, how, value, name));
                model.Graph.Outputs.Add(new ValueInfo(name, ElementType.Float32, shape: null));
            }
        }

        using InferenceSession session = Open(file, model);
        int number = 0;
        foreach (InputTensor input in inputs)
        {
            Run(session, adapted, input, [.. taps.Keys], (name, numbers) => see(number, taps[name].Value, taps[name].Reduction, numbers));
            number++;
        }
    }

    /// <summary>Shows values whole.</summary>
    /// <inheritdoc cref="Reduce"/>
    public void Read(string file, IReadOnlyCollection<string> values, Func<IEnumerable<InputTensor>> inputs, ValueSeen see)
    {
        foreach (string[] some in Groups(file, values, inputs))
        {
            using OnnxModel model = Adapt(file, out AdaptedGraph adapted);
            foreach (string value in some.Where(value => model.Graph.Outputs.All(output => output.Name != value)))
            {
                model.Graph.Outputs.Add(new ValueInfo(value, ElementType.Float32, shape: null));
            }

            using InferenceSession session = Open(file, model);
            int number = 0;
            foreach (InputTensor input in inputs())
            {
                Run(session, adapted, input, some, (name, numbers) => see(number, name, "", numbers));
                number++;
            }
        }
    }

    // Values that fit into memory together, by their size on the first input.
    private List<string[]> Groups(string file, IReadOnlyCollection<string> values, Func<IEnumerable<InputTensor>> inputs)
    {
        Dictionary<string, long> sizes = [];
        using OnnxModel model = Adapt(file, out AdaptedGraph adapted);
        foreach (string value in values)
        {
            model.Graph.Nodes.Add(new Node("Size", [value], [value + "/Size"]));
            model.Graph.Outputs.Add(new ValueInfo(value + "/Size", ElementType.Int64, shape: null));
        }

        using (InferenceSession session = Open(file, model))
        using (InputTensor input = inputs().First())
        {
            using OrtValue wrapped = input.Wrap();
            using RunOptions options = new();
            string[] names = [.. values.Select(value => value + "/Size")];
            using IDisposableReadOnlyCollection<OrtValue> results = session.Run(options, [adapted.Input], [wrapped], names);
            foreach ((string value, OrtValue size) in values.Zip(results))
            {
                sizes[value] = size.GetTensorDataAsSpan<long>()[0] * sizeof(float);
            }
        }

        List<string[]> groups = [];
        List<string> group = [];
        long bytes = 0;
        foreach (string value in values)
        {
            if (group.Count > 0 && bytes + sizes[value] > MostBytes)
            {
                groups.Add([.. group]);
                group.Clear();
                bytes = 0;
            }

            group.Add(value);
            bytes += sizes[value];
        }

        groups.Add([.. group]);
        return groups;
    }

    private OnnxModel Adapt(string file, out AdaptedGraph adapted)
    {
        (adapted, GraphSource source) = sessions.Adapt(file, request);
        if (adapted.SizeInput is not null)
        {
            throw new CommandException("Expected a graph whose only input is the image; this one takes the image's size, too.");
        }

        return OnnxModel.Parse(source.Adapted ?? File.ReadAllBytes(file), file);
    }

    private InferenceSession Open(string file, OnnxModel model) => sessions.OpenOnCpu(new GraphSource(file, model.ToBytes()));

    private static void Run(
        InferenceSession session, AdaptedGraph adapted, InputTensor input, string[] names, NumbersSeen see)
    {
        using InputTensor owned = input;
        using OrtValue wrapped = owned.Wrap();
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> results = session.Run(options, [adapted.Input], [wrapped], names);
        foreach ((string name, OrtValue value) in names.Zip(results))
        {
            see(name, value.GetTensorDataAsSpan<float>());
        }
    }

    private static Node Reduction(OnnxModel model, string how, string value, string name)
    {
        Node node = new(how, [value], [name]);
        node.Set(OnnxAttribute.Of("keepdims", 0L));
        if (how != "ReduceMean")
        {
            return node;
        }

        long[] axes = [0, 2, 3];
        if (model.Opset < AxesAreInput)
        {
            node.Set(OnnxAttribute.Of("axes", axes));
            return node;
        }

        model.Graph.Initializers.Add(Tensor.Create(name + "/axes", [axes.Length], axes));
        node.Inputs.Add(name + "/axes");
        return node;
    }

    private delegate void NumbersSeen(string name, ReadOnlySpan<float> numbers);
}

/// <summary>Receives a value of one run.</summary>
/// <param name="input">Number of the input, from 0.</param>
/// <param name="value">Name of the value.</param>
/// <param name="reduction">How it was reduced; empty for the value itself.</param>
/// <param name="numbers">The numbers; invalid after the call.</param>
internal delegate void ValueSeen(int input, string value, string reduction, ReadOnlySpan<float> numbers);

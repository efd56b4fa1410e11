using InferenceServer.Cli.Hosting;

namespace InferenceServer.Cli.Evaluate;

/// <summary>Pixels whose truth is no class and not the ignored label either; most often a sign of the wrong labels.</summary>
internal sealed class UnknownLabels(int classes, byte ignore)
{
    private long _pixels;

    /// <summary>Counts those of one label map.</summary>
    public void Add(LabelPng truth) => _pixels += truth.Labels.LongCount(label => label != ignore && label >= classes);

    /// <summary>Says how many there were, if any.</summary>
    public void Tell(Terminal terminal)
    {
        if (_pixels > 0)
        {
            terminal.Note($"{_pixels:N0} labelled pixels were skipped: their label is neither a class (0 to {classes - 1}) nor {ignore}.");
        }
    }
}

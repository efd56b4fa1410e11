using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;
using OnnxGraph;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Finds what a graph takes and returns, from its operators and by trial runs, and drafts its manifest; for
/// models without one.</summary>
internal sealed class ModelInspector(SessionFactory sessions)
{
    private const int LargestBatch = 8;
    private const string Unnamed = "draft";

    /// <summary>Inspects a graph. The draft passed the check that the server makes when it loads a model.</summary>
    /// <param name="file">The ONNX file.</param>
    /// <param name="request">What the caller says.</param>
    /// <param name="cancellationToken">Stops the trial runs.</param>
    /// <exception cref="ManifestException">The graph cannot be served; the message names the remedy.</exception>
    public ModelInspection Inspect(string file, InspectionRequest request, CancellationToken cancellationToken)
    {
        try
        {
            using OnnxModel model = OnnxModel.Open(file);
            return Inspect(file, model, request, cancellationToken);
        }
        catch (Exception e) when (e is OnnxFormatException or GraphRefusedException)
        {
            throw new ManifestException(ModelFile.Display(file), [e.Message]);
        }
    }

    private ModelInspection Inspect(
        string file, OnnxModel model, InspectionRequest request, CancellationToken cancellationToken)
    {
        ExporterHints hints = ExporterHints.Read(file, new Dictionary<string, string>(model.Metadata));
        (GraphInspection inspection, ModelManifest draft) = Draft(file, model, request, hints, cancellationToken);
        List<DraftNote> notes =
            [.. inspection.Notes, .. hints.Notes.Select(note => new DraftNote(DraftNoteKind.Check, "", note))];
        string[] errors = [.. ManifestValidator.Validate(draft, draft.Name ?? Unnamed)];
        if (errors.Length > 0)
        {
            (inspection, draft) = Draft(file, model, request, new ExporterHints(), cancellationToken);
            string illegal = $"what the exporter left makes no legal manifest, and is not in the draft: " +
                $"{string.Join("; ", errors)}";
            notes = [.. inspection.Notes, new DraftNote(DraftNoteKind.Check, "", illegal)];
        }

        (TrialFindings findings, AdaptedGraph adapted) = CheckBatches(file, ref draft, cancellationToken);
        notes.AddRange(findings.Warnings.Select(warning => new DraftNote(DraftNoteKind.Check, "", warning)));
        draft = draft with { Graph = draft.Graph with { MaxBatch = findings.MaxBatch } };
        return new ModelInspection
        {
            Rules = inspection.Rules,
            Manifest = draft,
            Text = ManifestDraft.Write(draft, notes),
            Channels = inspection.Channels,
            Seen = inspection.Seen,
            Added = adapted.Added,
            Notes = notes,
        };
    }

    private (GraphInspection Inspection, ModelManifest Draft) Draft(
        string file, OnnxModel model, InspectionRequest request, ExporterHints hints,
            CancellationToken cancellationToken)
    {
        GraphReading reading = new(model.Graph, request, hints);
        GraphInspection inspection = new(sessions, file, model.Graph, reading, hints, cancellationToken);
        ModelManifest draft = inspection.Draft(request) with
        {
            Name = request.Name,
            Source = ManifestDraft.Source(file, GraphDescription.Of(model)),
        };
        return (inspection, draft);
    }

    // A graph whose batch axis is baked in fails on two images, and serves them one at a time.
    private (TrialFindings Findings, AdaptedGraph Graph) CheckBatches(
        string file, ref ModelManifest draft, CancellationToken cancellationToken)
    {
        draft = draft with { Graph = draft.Graph with { MaxBatch = LargestBatch } };
        try
        {
            return Check(file, draft, cancellationToken);
        }
        catch (ManifestException e)
            when (e.Errors.Any(error => error.Contains("graph.max_batch", StringComparison.Ordinal)))
        {
            draft = draft with { Graph = draft.Graph with { MaxBatch = 1 } };
            return Check(file, draft, cancellationToken);
        }
    }

    /// <summary>The server's own check, on the draft as the server would read it.</summary>
    private (TrialFindings Findings, AdaptedGraph Graph) Check(
        string file, ModelManifest draft, CancellationToken cancellationToken)
    {
        ModelManifest written = Reread(draft);
        (int rows, int columns) = written.Graph.Border;
        ModelManifest manifest = written with { Preprocess = written.Preprocess.Inside(rows, columns) };
        (IModelSession session, AdaptedGraph graph) = sessions.Open(file, AdaptationRequest.Of(manifest), manifest.Gpu);
        using (session)
        {
            string shown = ModelFile.Display(file);
            ModelTrial.CheckChannels(manifest.Preprocess, session.Layout, shown);
            return (new ModelTrial(manifest, session, graph, shown).Run(static _ => { }, cancellationToken), graph);
        }
    }

    private static ModelManifest Reread(ModelManifest draft)
    {
        try
        {
            return ManifestReader.ReadEmbedded(ManifestDraft.Write(draft, []), draft.Name ?? Unnamed);
        }
        catch (ManifestException e)
        {
            throw new ManifestException("the draft of model.json", e.Errors);
        }
    }
}

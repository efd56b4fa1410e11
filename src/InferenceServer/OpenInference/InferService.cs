using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference;

/// <summary>What a request to infer needs, over HTTP and over gRPC.</summary>
internal sealed class InferService(Segmenter segmenter, InferRunner runner, ModelRepository repository, IOptions<OpenInferenceOptions> options)
{
    /// <summary>Lets requests in.</summary>
    public Segmenter Segmenter => segmenter;

    /// <summary>Runs them.</summary>
    public InferRunner Runner => runner;

    /// <summary>Most bytes of a request.</summary>
    public int MaxBytes => options.Value.MaxMessageBytes;

    /// <summary>The form of a model that a client means.</summary>
    public ModelView View(string name) => ModelView.Parse(name, repository);
}

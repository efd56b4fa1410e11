using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Runtime.Tests;

/// <summary>The runtime as the server wires it, over a folder of models.</summary>
internal sealed class TestRuntime : IDisposable
{
    private readonly ServiceProvider _services;

    public TestRuntime(string models, params (string Key, string Value)[] settings)
    {
        Dictionary<string, string?> values = settings.ToDictionary(s => s.Key, s => (string?)s.Value);
        values["Models:Path"] = models;
        values.TryAdd("Onnx:IntraOpThreads", "1");
        _services = new ServiceCollection()
            .AddSegmentation(new ConfigurationBuilder().AddInMemoryCollection(values).Build())
            .BuildServiceProvider();
        Repository.Load(CancellationToken.None);
    }

    public ModelRepository Repository => _services.GetRequiredService<ModelRepository>();

    public Segmenter Segmenter => _services.GetRequiredService<Segmenter>();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public void Dispose() => _services.Dispose();
}

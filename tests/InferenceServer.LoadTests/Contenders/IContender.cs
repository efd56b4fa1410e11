using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Traffic;

namespace InferenceServer.LoadTests.Contenders;

/// <summary>Something that runs the network as often as it can.</summary>
internal interface IContender : IDisposable
{
    string Name { get; }

    /// <summary>Runs until caches are warm and code is compiled; not measured.</summary>
    Task WarmUpAsync(PhotoSet photos);

    /// <summary>Works as fast as it can for <paramref name="length"/>.</summary>
    Task<Window> SaturateAsync(PhotoSet photos, TimeSpan length, int round);
}

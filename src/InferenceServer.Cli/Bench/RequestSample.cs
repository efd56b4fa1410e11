using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Cli.Bench;

/// <summary>One pair of measurements.</summary>
/// <param name="Raw">A run of the network on an input that lay ready.</param>
/// <param name="Full">A request, from encoded bytes to an encoded mask.</param>
/// <param name="Stages">The request's stages.</param>
/// <param name="AllocatedBytes">Managed memory that the request allocated.</param>
internal sealed record RequestSample(TimeSpan Raw, TimeSpan Full, StageTimings Stages, long AllocatedBytes);

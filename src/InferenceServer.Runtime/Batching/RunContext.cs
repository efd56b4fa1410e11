using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Scheduling;

namespace InferenceServer.Runtime.Batching;

/// <summary>On whose behalf an input runs; a request of several inputs hands the same one in with each.</summary>
/// <param name="Priority">The request's class.</param>
/// <param name="Timings">Gets the time in the queue and in the network.</param>
public readonly record struct RunContext(Priority Priority, StageTimings Timings);

using InferenceServer.Auth;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;

namespace InferenceServer.Bulk;

/// <summary>What is wanted of many images.</summary>
/// <param name="Model">Answers all; held by whoever makes the order.</param>
/// <param name="Mask">What is wanted of each.</param>
/// <param name="Timeout">The time that each may take from when it is let in; null takes the usual, and then load is waited for.</param>
/// <param name="Budget">What the caller may still ask for: the request has paid for the first image, each other one pays for itself. Null is no limit.</param>
/// <param name="Route">What they are counted under.</param>
internal sealed record BulkOrder(ModelLease Model, MaskOrder Mask, TimeSpan? Timeout, KeyBudget? Budget, string Route);

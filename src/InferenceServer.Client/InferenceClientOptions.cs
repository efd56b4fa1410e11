namespace InferenceServer.Client;

/// <summary>Key and patience of a client.</summary>
public sealed record InferenceClientOptions
{
    /// <summary>The key, where the server asks for one; white space round it is none of it, and nothing else is no key.</summary>
    public string? Key { get; init; }

    /// <summary>How often a request is sent again that a full or loading server refused. Default 5.</summary>
    public int MaxRetries { get; init; } = 5;

    /// <summary>Longest time to wait before one retry. Where the server asks for more, as once a quota is used up, its refusal is the answer. Default 30 s.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

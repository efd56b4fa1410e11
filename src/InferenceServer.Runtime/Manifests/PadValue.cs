namespace InferenceServer.Runtime.Manifests;

/// <summary>The value that padding has.</summary>
public enum PadValue
{
    /// <summary>The mean colour, which is 0 after normalisation.</summary>
    Mean,

    /// <summary>Black before normalisation.</summary>
    Zero,
}

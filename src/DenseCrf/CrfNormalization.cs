namespace DenseCrf;

/// <summary>What a kernel divides its filter F by; z = F·1 is the filter's answer to ones.</summary>
public enum CrfNormalization
{
    /// <summary>z^-½ before and after the filter (Krähenbühl and Koltun, ICML 2013): the default.</summary>
    Symmetric,

    /// <summary>1/z before the filter.</summary>
    Before,

    /// <summary>1/z after the filter: the NIPS 2011 code and CRF-as-RNN.</summary>
    After,

    /// <summary>Nothing: messages reach hundreds and saturate the result. For comparison only.</summary>
    None,
}

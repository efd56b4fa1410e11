using System.Runtime.Intrinsics;

namespace DenseCrf.Rows;

/// <summary>A value for each label, in registers: what the pixel pass and the blur compute with.</summary>
/// <remarks>A static interface, so that one source serves every width and the compiler sees plain vector instructions.</remarks>
internal unsafe interface IRow<TSelf>
    where TSelf : struct, IRow<TSelf>
{
    /// <summary>Values in a row.</summary>
    static abstract int Lanes { get; }

    static abstract TSelf Load(float* source);

    static abstract TSelf Create(float value);

    /// <summary>One value from memory for every label: part of the instruction that uses it, where a register is two instructions more.</summary>
    static abstract TSelf Broadcast(float* value);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    /// <summary>left · right + addend, rounded once where the hardware can.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, TSelf right, TSelf addend);

    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>e^x; exactly 0 below −50, and above 80 as if x were 80. Relative error below 10⁻⁶.</summary>
    static abstract TSelf Exp(TSelf x);

    /// <summary>Four partial sums.</summary>
    static abstract Vector128<float> Fold(TSelf row);

    static abstract float Maximum(TSelf row);

    void Store(float* destination);
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DenseCrf.Rows;

/// <summary>
/// A row of two smaller rows. A row of 24 labels as 16 + 8 takes a quarter less memory than a row of 32.
/// </summary>
internal readonly unsafe struct RowPair<TLow, THigh>(TLow low, THigh high) : IRow<RowPair<TLow, THigh>>
    where TLow : struct, IRow<TLow>
    where THigh : struct, IRow<THigh>
{
    private readonly TLow _low = low;
    private readonly THigh _high = high;

    public static int Lanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLow.Lanes + THigh.Lanes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<TLow, THigh> Load(float* source) => new(TLow.Load(source), THigh.Load(source + TLow.Lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<TLow, THigh> Create(float value) => new(TLow.Create(value), THigh.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<TLow, THigh> Broadcast(float* value) => new(TLow.Broadcast(value), THigh.Broadcast(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<TLow, THigh> operator +(RowPair<TLow, THigh> left, RowPair<TLow, THigh> right) =>
        new(left._low + right._low, left._high + right._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<TLow, THigh> operator *(RowPair<TLow, THigh> left, RowPair<TLow, THigh> right) =>
        new(left._low * right._low, left._high * right._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<TLow, THigh> MultiplyAdd(
        RowPair<TLow, THigh> left, RowPair<TLow, THigh> right, RowPair<TLow, THigh> addend) =>
        new(TLow.MultiplyAdd(left._low, right._low, addend._low), THigh.MultiplyAdd(left._high, right._high, addend._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<TLow, THigh> Max(RowPair<TLow, THigh> left, RowPair<TLow, THigh> right) =>
        new(TLow.Max(left._low, right._low), THigh.Max(left._high, right._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<TLow, THigh> Exp(RowPair<TLow, THigh> x) => new(TLow.Exp(x._low), THigh.Exp(x._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(RowPair<TLow, THigh> row) => TLow.Fold(row._low) + THigh.Fold(row._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Maximum(RowPair<TLow, THigh> row) => Math.Max(TLow.Maximum(row._low), THigh.Maximum(row._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination)
    {
        _low.Store(destination);
        _high.Store(destination + TLow.Lanes);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DenseCrf.Rows;

/// <summary>A row of sixteen labels: one AVX-512 register.</summary>
internal readonly unsafe struct Row16(Vector512<float> value) : IRow<Row16>
{
    private readonly Vector512<float> _value = value;

    public static int Lanes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row16 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row16 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row16 Broadcast(float* value) => new(Vector512.Create(*value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row16 operator +(Row16 left, Row16 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row16 operator *(Row16 left, Row16 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row16 MultiplyAdd(Row16 left, Row16 right, Row16 addend) =>
        new(Vector512.MultiplyAddEstimate(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row16 Max(Row16 left, Row16 right) => new(Vector512.MaxNative(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row16 Exp(Row16 x)
    {
        Vector512<float> clamped = Vector512.MinNative(x._value, Vector512.Create(RowExponential.MaxX));
        Vector512<float> shifted = Vector512.MultiplyAddEstimate(
            clamped, Vector512.Create(RowExponential.Log2E), Vector512.Create(RowExponential.Rounder));
        Vector512<float> n = shifted - Vector512.Create(RowExponential.Rounder);
        Vector512<float> r = Vector512.MultiplyAddEstimate(n, Vector512.Create(RowExponential.MinusLn2), clamped);
        Vector512<float> p = Vector512.MultiplyAddEstimate(Vector512.Create(RowExponential.C5), r, Vector512.Create(RowExponential.C4));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(RowExponential.C3));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(RowExponential.C2));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512<float>.One);
        p = Vector512.MultiplyAddEstimate(p, r, Vector512<float>.One);
        Vector512<float> power = (shifted.AsInt32() << 23).AsSingle();
        return new(Vector512.ConditionalSelect(
            Vector512.LessThan(x._value, Vector512.Create(RowExponential.MinX)), Vector512<float>.Zero, p * power));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(Row16 row) => Row8.Fold(new Row8(row._value.GetLower() + row._value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Maximum(Row16 row) =>
        Row8.Maximum(new Row8(Vector256.MaxNative(row._value.GetLower(), row._value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);
}

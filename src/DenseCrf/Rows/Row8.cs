using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DenseCrf.Rows;

/// <summary>A row of eight labels: one AVX register, or two SSE registers.</summary>
internal readonly unsafe struct Row8(Vector256<float> value) : IRow<Row8>
{
    private readonly Vector256<float> _value = value;

    public static int Lanes => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row8 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row8 Create(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row8 Broadcast(float* value) => new(Vector256.Create(*value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row8 operator +(Row8 left, Row8 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row8 operator *(Row8 left, Row8 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row8 MultiplyAdd(Row8 left, Row8 right, Row8 addend) =>
        new(Vector256.MultiplyAddEstimate(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row8 Max(Row8 left, Row8 right) => new(Vector256.MaxNative(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row8 Exp(Row8 x)
    {
        Vector256<float> clamped = Vector256.MinNative(x._value, Vector256.Create(RowExponential.MaxX));
        Vector256<float> shifted = Vector256.MultiplyAddEstimate(
            clamped, Vector256.Create(RowExponential.Log2E), Vector256.Create(RowExponential.Rounder));
        Vector256<float> n = shifted - Vector256.Create(RowExponential.Rounder);
        Vector256<float> r = Vector256.MultiplyAddEstimate(n, Vector256.Create(RowExponential.MinusLn2), clamped);
        Vector256<float> p = Vector256.MultiplyAddEstimate(Vector256.Create(RowExponential.C5), r, Vector256.Create(RowExponential.C4));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(RowExponential.C3));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(RowExponential.C2));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256<float>.One);
        p = Vector256.MultiplyAddEstimate(p, r, Vector256<float>.One);
        Vector256<float> power = (shifted.AsInt32() << 23).AsSingle();
        return new(Vector256.ConditionalSelect(
            Vector256.LessThan(x._value, Vector256.Create(RowExponential.MinX)), Vector256<float>.Zero, p * power));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(Row8 row) => row._value.GetLower() + row._value.GetUpper();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Maximum(Row8 row)
    {
        Vector128<float> four = Vector128.MaxNative(row._value.GetLower(), row._value.GetUpper());
        Vector128<float> two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Math.Max(two[0], two[1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);
}

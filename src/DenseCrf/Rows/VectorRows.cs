using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DenseCrf.Rows;

/// <summary>A row of four labels: one SSE register.</summary>
internal readonly unsafe struct Row4(Vector128<float> value) : IRow<Row4>
{
    private readonly Vector128<float> _value = value;

    public static int Lanes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row4 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row4 Create(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row4 Broadcast(float* value) => new(Vector128.Create(*value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row4 operator +(Row4 left, Row4 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row4 operator *(Row4 left, Row4 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row4 MultiplyAdd(Row4 left, Row4 right, Row4 addend) =>
        new(Vector128.MultiplyAddEstimate(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row4 Max(Row4 left, Row4 right) => new(Vector128.MaxNative(left._value, right._value));

    /// <summary>With the instructions for eight labels, of which there are as many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row4 Exp(Row4 x) => Row8.Exp(new Row8(x._value.ToVector256())).Lower;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(Row4 row) => row._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Maximum(Row4 row)
    {
        Vector128<float> two = Vector128.MaxNative(row._value, Vector128.Shuffle(row._value, Vector128.Create(2, 3, 0, 1)));
        return Math.Max(two[0], two[1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);
}

/// <summary>A row of eight labels: one AVX register, or two SSE registers.</summary>
internal readonly unsafe struct Row8(Vector256<float> value) : IRow<Row8>
{
    private readonly Vector256<float> _value = value;

    public static int Lanes => 8;

    /// <summary>The first four labels.</summary>
    public Row4 Lower
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(_value.GetLower());
    }

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
    public static float Maximum(Row8 row) =>
        Row4.Maximum(new Row4(Vector128.MaxNative(row._value.GetLower(), row._value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);
}

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

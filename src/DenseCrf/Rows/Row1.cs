using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DenseCrf.Rows;

/// <summary>A row of a single value, for filtering ones, from which the normalisation follows.</summary>
internal readonly unsafe struct Row1(float value) : IRow<Row1>
{
    private readonly float _value = value;

    public static int Lanes => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1 Load(float* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1 Create(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1 Broadcast(float* value) => new(*value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1 operator +(Row1 left, Row1 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1 operator *(Row1 left, Row1 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1 MultiplyAdd(Row1 left, Row1 right, Row1 addend) =>
        new(float.MultiplyAddEstimate(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1 Max(Row1 left, Row1 right) => new(Math.Max(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1 Exp(Row1 x) => new(x._value < RowExponential.MinX ? 0 : MathF.Exp(MathF.Min(x._value, RowExponential.MaxX)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(Row1 row) => Vector128.CreateScalar(row._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Maximum(Row1 row) => row._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => *destination = _value;
}

using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace InferenceServer.Cli.Optimize;

/// <summary>Whether the processor multiplies and adds 8-bit integers into 32 bits with one instruction.</summary>
internal static class IntegerDotProduct
{
    private const int Features = 7;
    private const int Avx512Vnni = 1 << 11; // leaf 7, ECX
    private const int AvxVnni = 1 << 4; // leaf 7.1, EAX

    /// <summary>AVX-512 VNNI, AVX-VNNI, or Arm's dot product.</summary>
    public static bool IsSupported { get; } = Find();

    /// <summary>Bits of a weight: other x86 processors add two products in 16 bits, which 8-bit weights overflow.</summary>
    public static int WeightBits => IsSupported || RuntimeInformation.ProcessArchitecture is Architecture.Arm64 ? 8 : 7;

    private static bool Find()
    {
        if (!X86Base.IsSupported)
        {
            return Dp.IsSupported;
        }

        return (X86Base.CpuId(Features, 0).Ecx & Avx512Vnni) != 0 || (X86Base.CpuId(Features, 1).Eax & AvxVnni) != 0;
    }
}

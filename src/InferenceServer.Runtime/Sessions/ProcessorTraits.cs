using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace InferenceServer.Runtime.Sessions;

/// <summary>What of the processor decides how fast and how exact a network of 8 bits is.</summary>
/// <param name="InstructionSets">The instruction sets that ONNX Runtime has kernels for, such as <c>avx2 avx512f
/// avx512vnni</c>. What was measured on a processor with the same ones need not be measured again.</param>
/// <param name="WeightBits">Most bits of a weight. Processors of x86 without VNNI add two products in 16 bits, which weights of
/// 8 bits overflow.</param>
internal sealed record ProcessorTraits(string InstructionSets, int WeightBits)
{
    private const int Features = 7;
    private const int Eax = 0, Ebx = 1, Ecx = 2, Edx = 3;

    // By name: subleaf of CPUID's leaf 7, register and bit.
    private static readonly (string Name, int Subleaf, int Register, int Bit)[] Sets =
    [
        ("avx2", 0, Ebx, 5), ("avx512f", 0, Ebx, 16), ("avx512vnni", 0, Ecx, 11), ("amx-int8", 0, Edx, 25), ("avxvnni", 1, Eax, 4),
    ];

    /// <summary>The processor of this machine.</summary>
    public static ProcessorTraits Current { get; } = Find();

    private static ProcessorTraits Find()
    {
        if (RuntimeInformation.ProcessArchitecture is Architecture.Arm64)
        {
            return new ProcessorTraits(Dp.IsSupported ? "neon dotprod" : "neon", 8);
        }

        if (!X86Base.IsSupported)
        {
            return new ProcessorTraits("", 7);
        }

        string[] sets = [.. Sets.Where(set => Has(set.Subleaf, set.Register, set.Bit)).Select(set => set.Name)];
        // These multiply 8-bit integers and add them into 32 bits with one instruction.
        bool addsIn32Bits = sets.Any(set => set.EndsWith("vnni", StringComparison.Ordinal));
        return new ProcessorTraits(string.Join(' ', sets), addsIn32Bits ? 8 : 7);
    }

    private static bool Has(int subleaf, int register, int bit)
    {
        (int eax, int ebx, int ecx, int edx) = X86Base.CpuId(Features, subleaf);
        int[] registers = [eax, ebx, ecx, edx];
        return (registers[register] & (1 << bit)) != 0;
    }
}

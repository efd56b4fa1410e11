using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Mutated NumPy arrays, as the command line reads them.</summary>
internal sealed class NpyCase : IFuzzCase
{
    private static readonly byte[] Whole = Make(), Other =
    [
        .. "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967295, 2147483647, 2, 2), }"u8
    ];

    public string Kind => "npy";

    public async Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        byte[] bytes = Mutator.Mutate(random, Whole, Other);
        made(bytes);
        try
        {
            using NpyValues array = await NpyFloats.ReadAsync(new MemoryStream(bytes));
            return new FuzzOutcome("read", null);
        }
        catch (InvalidDataException)
        {
            return new FuzzOutcome("refused", null);
        }
        catch (Exception e)
        {
            return new FuzzOutcome("thrown", e.ToString());
        }
    }

    private static byte[] Make()
    {
        MemoryStream stream = new();
        NpyFloats.Write(stream, new float[2 * 3 * 4], [2, 3, 4]);
        return stream.ToArray();
    }
}

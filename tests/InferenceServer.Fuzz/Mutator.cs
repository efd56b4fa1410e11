namespace InferenceServer.Fuzz;

/// <summary>Changes bytes as transmission, truncation and malice do.</summary>
internal static class Mutator
{
    private const int Longest = 64 * 1024;
    private static readonly byte[][] Interesting =
    [
        [0], [1], [0x7F], [0x80], [0xFF], [0, 0], [0xFF, 0xFF], [0x7F, 0xFF], [0xFF, 0x7F], [0, 0, 0, 0],
        [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x7F], [0, 0, 0, 1], [1, 0, 0, 0],
        [0, 1, 0, 0],
        "\r\n"u8.ToArray(), "\0"u8.ToArray(), "--"u8.ToArray(), "-1"u8.ToArray(), "99999999999999999999"u8.ToArray(),
        "1e309"u8.ToArray(), "null"u8.ToArray(), "\""u8.ToArray(), "[[[[[[[["u8.ToArray(), "{\"a\":"u8.ToArray(),
        "\u00e9\ud83d\ude00"u8.ToArray(),
    ];

    /// <param name="random">Chooses.</param>
    /// <param name="seed">What is changed; left as it is.</param>
    /// <param name="other">What pieces may come from.</param>
    /// <param name="mostSteps">Changes, at most.</param>
    public static byte[] Mutate(Random random, byte[] seed, byte[] other, int mostSteps = 8)
    {
        List<byte> bytes = [.. seed];
        for (int steps = random.Next(1, mostSteps + 1); steps > 0; steps--)
        {
            Step(random, bytes, other);
            if (bytes.Count > Longest)
            {
                bytes.RemoveRange(Longest, bytes.Count - Longest);
            }
        }

        return [.. bytes];
    }

    private static void Step(Random random, List<byte> bytes, byte[] other)
    {
        int at = random.Next(bytes.Count + 1);
        int length = Math.Min(random.Next(1, 1 << random.Next(1, 9)), bytes.Count - at);
        byte[] interesting = Interesting[random.Next(Interesting.Length)];
        switch (random.Next(9))
        {
            case 0 when at < bytes.Count: // a bit
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < bytes.Count: // a byte
                bytes[at] = (byte)random.Next(256);
                break;
            case 2: // a cut
                bytes.RemoveRange(at, length);
                break;
            case 3: // an end
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 4: // a piece twice
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 5: // a piece of another
                int from = random.Next(other.Length);
                bytes.InsertRange(at, other.AsSpan(from, Math.Min(Math.Max(length, 1), other.Length - from)));
                break;
            case 6: // a number that overflows, over what is there
                Overwrite(bytes, at, interesting);
                break;
            case 7: // or between
                bytes.InsertRange(at, interesting);
                break;
            default: // a little more, a little less: lengths and dimensions
                if (at < bytes.Count)
                {
                    bytes[at] = (byte)(bytes[at] + random.Next(-3, 4));
                }

                break;
        }
    }

    private static void Overwrite(List<byte> bytes, int at, byte[] with)
    {
        for (int i = 0; i < with.Length && at + i < bytes.Count; i++)
        {
            bytes[at + i] = with[i];
        }
    }
}

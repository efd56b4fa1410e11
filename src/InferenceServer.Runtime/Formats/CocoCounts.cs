namespace InferenceServer.Runtime.Formats;

/// <summary>COCO's text for lengths of runs: differences to the length before the last, six bits a character, the lowest first.</summary>
/// <remarks>As <c>rleToString</c> of cocodataset/cocoapi writes them.</remarks>
internal static class CocoCounts
{
    private const int FirstCharacter = '0';
    private const int ValueBits = 5;
    private const int More = 1 << ValueBits;
    private const int Sign = 1 << (ValueBits - 1);

    /// <param name="counts">The lengths.</param>
    /// <param name="text">The characters are added to it.</param>
    public static void Write(IReadOnlyList<int> counts, List<byte> text)
    {
        for (int i = 0; i < counts.Count; i++)
        {
            // The first three stand for themselves.
            int value = i > 2 ? counts[i] - counts[i - 2] : counts[i];
            bool isLast;
            do
            {
                int bits = value & (More - 1);
                value >>= ValueBits;
                isLast = value == ((bits & Sign) != 0 ? -1 : 0);
                text.Add((byte)(FirstCharacter + bits + (isLast ? 0 : More)));
            }
            while (!isLast);
        }
    }
}

namespace InferenceServer.Runtime.Configuration;

/// <summary>Suggests a known word for a misspelt word.</summary>
internal static class Suggestion
{
    private const int LongestShortWord = 4;

    /// <summary>The end of an error message, with a space first: <c> Did you mean --format?</c> Empty where no known
    /// word is near.</summary>
    /// <param name="word">The unknown word.</param>
    /// <param name="known">The known words.</param>
    /// <param name="prefix">Text before the known word, such as <c>--</c>.</param>
    public static string For(string word, IEnumerable<string> known, string prefix = "")
    {
        if (Nearest(word, known) is { } nearest)
        {
            return $" Did you mean {prefix}{nearest}?";
        }

        return "";
    }

    /// <summary>The nearest known word: at most two letters differ, or one in a word of four letters or fewer. Null
    /// where no word is near.</summary>
    /// <remarks>A missing, added or changed letter is one difference, and so is a swap of two neighbours. Case is
    /// ignored.</remarks>
    public static string? Nearest(string word, IEnumerable<string> known) => known
        .Select(candidate => (Word: candidate, Distance: Distance(word.ToUpperInvariant(), candidate.ToUpperInvariant())))
        .Where(candidate => candidate.Distance <= (candidate.Word.Length <= LongestShortWord ? 1 : 2))
        .OrderBy(candidate => candidate.Distance)
        .FirstOrDefault().Word;

    // Optimal string alignment distance; rows of the table are prefixes of a, columns are prefixes of b.
    private static int Distance(string a, string b)
    {
        int[,] table = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                table[i, j] = i == 0 || j == 0 ? i + j : Next(i, j);
            }
        }

        return table[a.Length, b.Length];

        int Next(int i, int j)
        {
            int changed = table[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            int least = Math.Min(changed, 1 + Math.Min(table[i - 1, j], table[i, j - 1]));
            bool isSwapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (isSwapped)
            {
                return Math.Min(least, table[i - 2, j - 2] + 1);
            }

            return least;
        }
    }
}

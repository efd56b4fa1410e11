namespace InferenceServer.LoadTests.Reports;

/// <summary>The part of a page that a program writes, between two comments.</summary>
internal static class DocsBlock
{
    /// <exception cref="InvalidDataException">The page has no such part.</exception>
    public static void Replace(string page, string name, string text)
    {
        (string begin, string end) = ($"<!-- {name}: begin, written by the program -->\n", $"<!-- {name}: end -->");
        string old = File.ReadAllText(page);
        (int from, int to) = (old.IndexOf(begin, StringComparison.Ordinal), old.IndexOf(end, StringComparison.Ordinal));
        if (from < 0 || to < from)
        {
            throw new InvalidDataException($"{page} has no part between '{begin.Trim()}' and '{end}'.");
        }

        File.WriteAllText(page, $"{old[..(from + begin.Length)]}{text.TrimEnd()}\n{old[to..]}");
    }
}

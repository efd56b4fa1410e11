using System.Globalization;

namespace InferenceServer.LoadTests.Contenders;

/// <summary>Processor time and memory of a process and all its descendants, read from <c>/proc</c>: peers work in
/// several processes.</summary>
internal sealed class ProcessTree(int root)
{
    private const double TicksPerSecond = 100; // USER_HZ, which Linux fixes at 100 for what it shows

    public TimeSpan Cpu => TimeSpan.FromSeconds(Members().Sum(m => m.Ticks) / TicksPerSecond);

    public long Resident => Members().Sum(m => m.Pages) * Environment.SystemPageSize;

    public IReadOnlyList<int> Ids => [.. Members().Select(m => m.Id)];

    private IEnumerable<(int Id, int Parent, long Ticks, long Pages)> Members()
    {
        ILookup<int, (int Id, int Parent, long Ticks, long Pages)> children = All().ToLookup(p => p.Parent);
        Queue<(int Id, int Parent, long Ticks, long Pages)> open = new(children.SelectMany(c => c).Where(p => p.Id == root));
        while (open.TryDequeue(out (int Id, int Parent, long Ticks, long Pages) member))
        {
            yield return member;
            foreach ((int Id, int Parent, long Ticks, long Pages) child in children[member.Id])
            {
                open.Enqueue(child);
            }
        }
    }

    private static IEnumerable<(int Id, int Parent, long Ticks, long Pages)> All()
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out int id) && Read(folder) is { } stat)
            {
                // After the name in parentheses, which may hold spaces: state, ppid, …; proc(5) counts utime as field 14.
                string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                yield return (id, Number(fields[1]), Number(fields[11]) + Number(fields[12]), Number(fields[21]));
            }
        }
    }

    private static string? Read(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "stat"));
        }
        catch (IOException)
        {
            return null; // ended meanwhile
        }
    }

    private static int Number(string field) => int.Parse(field, CultureInfo.InvariantCulture);
}

using DenseCrf.Permutohedral;

namespace DenseCrf.Tests;

public sealed class VertexTableTests
{
    /// <summary>Keys of few bits, whole in a slot, and keys of so many that a slot drops some of them.</summary>
    [Theory]
    [InlineData(12, 1), InlineData(30, 7), InlineData(44, 40), InlineData(62, 3)]
    public void FindOrAdd_RandomKeys_GivesEachARowOfItsCell(int keyBits, int cells)
    {
        using CrfWorkspace workspace = new(1L << 30);
        using VertexTable table = new(workspace);
        for (int image = 0; image < 2; image++)
        {
            Random random = new(keyBits + image);
            Dictionary<long, int> expected = [];
            table.Clear(keyBits, cells, maxVertices: 100_000);
            for (int i = 0; i < 30_000; i++)
            {
                // Keys that agree in their lower bits are those that a slot might confuse.
                long key = (random.NextInt64(1L << keyBits) & ~0xFF0L) | 1;
                int row = table.FindOrAdd((int)(key % cells), key);
                expected.TryAdd(key, row);
                Assert.Equal(expected[key], row);
            }

            Assert.Equal(expected.Count, expected.Values.Distinct().Count());
            Assert.InRange(table.Rows, expected.Values.Max() + 1, expected.Count + (cells * 64));
            long[] keys = table.KeysOfRows.ToArray();
            Assert.Equal(expected.Count, keys.Count(key => key != VertexTable.NoKey));
            Assert.Equal(expected.Count, Enumerable.Range(0, cells).Sum(table.CountOf));
            foreach ((long key, int number) in expected)
            {
                int cell = (int)(key % cells);
                Assert.Equal(number, table.Index.Find(cell, key));
                Assert.Equal(-1, table.Index.Find(cell, key ^ 0x100));
                Assert.Equal(key, keys[number]);
            }
        }
    }
}

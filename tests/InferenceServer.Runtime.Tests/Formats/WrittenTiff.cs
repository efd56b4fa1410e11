using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>Reads the little-endian, tiled, deflated TIFF files that the runtime writes, from TIFF's
/// specification.</summary>
internal sealed class WrittenTiff
{
    private readonly byte[] _file;
    private readonly bool _big;

    private WrittenTiff(byte[] file) => (_file, _big) = (file, file[2] == 43);

    public bool IsBig => _big;

    public List<Directory> Directories { get; } = [];

    public static WrittenTiff Read(byte[] file)
    {
        Assert.Equal("II"u8, file.AsSpan(0, 2));
        WrittenTiff tiff = new(file);
        for (long at = tiff.Word(tiff._big ? 8 : 4); at != 0;)
        {
            Directory directory = new(tiff, at);
            tiff.Directories.Add(directory);
            at = directory.Next;
        }

        return tiff;
    }

    private long Word(long at) => Number(at, _big ? 8 : 4);

    private long Number(long at, int size)
    {
        long number = 0;
        for (int i = size - 1; i >= 0; i--)
        {
            number = (number << 8) | _file[at + i];
        }

        return number;
    }

    /// <summary>One image of the file.</summary>
    internal sealed class Directory
    {
        private static readonly int[] Sizes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8];
        private readonly WrittenTiff _tiff;
        private readonly Dictionary<int, (int Type, byte[] Bytes)> _tags = [];

        public Directory(WrittenTiff tiff, long at)
        {
            _tiff = tiff;
            At = at;
            int word = tiff._big ? 8 : 4, countSize = tiff._big ? 8 : 2, last = 0;
            long count = tiff.Number(at, countSize);
            at += countSize;
            for (long i = 0; i < count; i++, at += 4 + (2 * word))
            {
                int tag = (int)tiff.Number(at, 2), type = (int)tiff.Number(at + 2, 2);
                Assert.True(tag > last, "tags ascend");
                last = tag;
                int bytes = (int)tiff.Number(at + 4, word) * Sizes[type];
                long values = bytes > word ? tiff.Word(at + 4 + word) : at + 4 + word;
                Assert.Equal(0, values % 2);
                _tags[tag] = (type, tiff._file[(int)values..(int)(values + bytes)]);
                End = Math.Max(End, values + bytes);
            }

            Next = tiff.Word(at);
            End = Math.Max(End, at + word);
        }

        public long At { get; }

        public long End { get; }

        public long Next { get; }

        public int Width => (int)Numbers(256)[0];

        public int Height => (int)Numbers(257)[0];

        public int Side => (int)Numbers(322)[0];

        public bool Has(int tag) => _tags.ContainsKey(tag);

        public string Text(int tag) => Encoding.UTF8.GetString(_tags[tag].Bytes.AsSpan()[..^1]);

        public long[] Numbers(int tag)
        {
            (int type, byte[] bytes) = _tags[tag];
            int size = Sizes[type];
            return
            [
                .. bytes.Chunk(size).Select(value => value.Reverse().Aggregate(0L, (number, part) => (number << 8) | part)),
            ];
        }

        /// <summary>The samples of a band, HW.</summary>
        public int[] Band(int band)
        {
            int bands = (int)Numbers(277)[0], bytes = (int)Numbers(258)[0] / 8;
            int across = (Width + Side - 1) / Side, down = (Height + Side - 1) / Side;
            int[] samples = new int[Width * Height];
            for (int tile = 0; tile < across * down; tile++)
            {
                byte[] content = Tile(tile);
                Assert.Equal(Side * Side * bands * bytes, content.Length);
                for (int y = tile / across * Side, row = 0; row < Side && y < Height; y++, row++)
                {
                    for (int x = tile % across * Side, column = 0; column < Side && x < Width; x++, column++)
                    {
                        ReadOnlySpan<byte> sample = content.AsSpan(((((row * Side) + column) * bands) + band) * bytes);
                        samples[(y * Width) + x] = bytes == 1 ? sample[0] : BinaryPrimitives.ReadUInt16LittleEndian(sample);
                    }
                }
            }

            return samples;
        }

        private byte[] Tile(int index)
        {
            int at = (int)Numbers(324)[index], length = (int)Numbers(325)[index];
            using ZLibStream zlib = new(new MemoryStream(_tiff._file, at, length), CompressionMode.Decompress);
            using MemoryStream tile = new();
            zlib.CopyTo(tile);
            return tile.ToArray();
        }
    }
}

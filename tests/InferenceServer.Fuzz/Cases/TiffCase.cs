using System.Buffers.Binary;
using System.Net.Http.Headers;

namespace InferenceServer.Fuzz.Cases;

/// <summary>TIFF files whose directory is changed field by field: other tags, types, counts and offsets, parts that
/// overlap, fields that occur twice.</summary>
internal sealed class TiffCase(FuzzTarget target) : IFuzzCase
{
    private static readonly string[] Routes =
    [
        "/v1/segment/tiny?format=raw", "/v1/segment/tiny?format=geojson", "/v1/segment/tiny?format=overlay",
        "/v1/segment/tiny?format=gpkg",
        "/v1/segment/tiny?format=raw&value_scaling=percentile:2,98", "/v1/segment/tiny?format=raw&bands=3,1,2&value_scaling=min-max:0,200",
        "/v1/segment/tiny?format=raw&bands=1&value_scaling=clip:0,90;scale:90",
    ];

    // The tags that a reader of samples and a georeference look at.
    private static readonly int[] Tags =
    [
        254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339, 33550, 33922, 34264,
        34735, 34736, 34737, 42112, 42113, 50706,
    ];

    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 3, 4, 5, 8, 12, 16, 24, 32, 64, 128, 255, 256, 32773, 50000, 65535, 65536, int.MaxValue, 1UL << 31, uint.MaxValue,
        1UL << 32, long.MaxValue, 1UL << 63, ulong.MaxValue,
    ];

    public string Kind => "tiff";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        byte[] file = [.. random.Pick(Seeds.Tiffs)];
        for (int changes = random.Next(1, 5); changes > 0; changes--)
        {
            Change(random, file);
        }

        if (random.Next(4) == 0)
        {
            file = Mutator.Mutate(random, file, random.Pick(Seeds.Tiffs));
        }

        made(file);
        HttpRequestMessage request = new(HttpMethod.Post, random.Pick(Routes)) { Content = new ByteArrayContent(file) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("image/tiff");
        return Answers.SendAsync(target, request);
    }

    private static void Change(Random random, byte[] file)
    {
        bool bigEndian = file[0] == 'M', big = file[bigEndian ? 3 : 2] == 43;
        int word = big ? 8 : 4, countSize = big ? 8 : 2, length = 4 + (2 * word);
        ulong start = Read(file.AsSpan(word, word), bigEndian);
        if (start > (ulong)(file.Length - countSize))
        {
            return;
        }

        int first = (int)start + countSize;
        int fields = (int)Math.Min(Read(file.AsSpan((int)start, countSize), bigEndian), (ulong)((file.Length - first) / length));
        if (fields == 0)
        {
            return;
        }

        Span<byte> field = file.AsSpan(first + (random.Next(fields) * length), length);
        switch (random.Next(7))
        {
            case 0: // another tag
                Write(field[..2], (ulong)random.Pick(Tags), bigEndian);
                break;
            case 1: // another type
                Write(field[2..4], (ulong)random.Next(20), bigEndian);
                break;
            case 2: // another count
                Write(field.Slice(4, word), random.Pick(Numbers), bigEndian);
                break;
            case 3: // the same field twice, or two fields with one list
                file.AsSpan(first + (random.Next(fields) * length), length).CopyTo(field);
                break;
            case 4: // a list elsewhere in the file
                Write(field[(4 + word)..], (ulong)random.Next(file.Length), bigEndian);
                break;
            case 5: // an entry of a list: offsets and lengths of parts, bits of samples
                Change(random, file, Read(field[(4 + word)..], bigEndian), word, bigEndian);
                break;
            default: // another value
                ulong value = random.Pick(Numbers);
                Write(field[(4 + word)..], bigEndian && value < 65536 && !big ? value << 16 : value, bigEndian);
                break;
        }
    }

    private static void Change(Random random, byte[] file, ulong list, int word, bool bigEndian)
    {
        ulong at = list + (ulong)(random.Next(8) * word);
        if (at <= (ulong)(file.Length - word))
        {
            ulong number = random.Next(2) == 0 ? random.Pick(Numbers) : (ulong)random.Next(file.Length);
            Write(file.AsSpan((int)at, word), number, bigEndian);
        }
    }

    private static ulong Read(ReadOnlySpan<byte> from, bool bigEndian)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        from.CopyTo(bytes);
        if (bigEndian)
        {
            bytes[..from.Length].Reverse();
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private static void Write(Span<byte> to, ulong number, bool bigEndian)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        bytes[..to.Length].CopyTo(to);
        if (bigEndian)
        {
            to.Reverse();
        }
    }
}

using System.Text;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Forms for <c>/v1/refine</c> with sizes, classes and kernels by chance, so that one refinement's memory is the next
/// one's, and parts that are mutated.</summary>
internal sealed class RefineCase(FuzzTarget target) : IFuzzCase
{
    private static readonly int[] Classes = [1, 2, 3, 5, 33, 40, 256];
    private static readonly string[] Formats = ["png", "json", "npy-probabilities", "confidence", "alpha", "gpkg", "masks", "raw"];
    private static readonly string[] Queries =
    [
        "", "&energies=true", "&crf.iterations=0", "&crf.iterations=6", "&crf.quality=fast", "&classes=voc", "&timeout=1",
        "&label_confidence=1",
    ];

    private static readonly string[] Kernels =
    [
        """[{"type": "gaussian", "sx": 3, "sy": 1, "normalization": "none", "compatibility": {"kind": "potts", "weight": 3}}]""",
        """[{"type": "bilateral", "sx": 9, "sy": 9, "srgb": [5, 6, 7], "compatibility": {"kind": "diagonal", "values": [-3, -2, -1]}}]""",
        """[{"type": "gaussian", "sx": 2, "sy": 2, "compatibility": {"kind": "matrix", "values": [[-3, 1], [1, -2]]}}]""",
    ];

    public string Kind => "refine";

    public async Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        int width = random.Next(1, 90), height = random.Next(1, 90), classes = random.Pick(Classes);
        bool isMap = random.Next(4) == 0;
        List<byte> body = [];
        Add(body, "image", Maybe(random, Picture(random, width, height, bands: 3)));
        Add(body, isMap ? "label_map" : "probabilities", Maybe(
            random, isMap ? Picture(random, width, height, bands: 1) : Array(random, classes, height, width)));
        if (random.Next(3) == 0)
        {
            Add(body, "kernels", Maybe(random, Encoding.UTF8.GetBytes(random.Pick(Kernels))));
        }

        body.AddRange("--xyz--\r\n"u8);
        string route = $"/v1/refine?format={random.Pick(Formats)}{random.Pick(Queries)}";
        made([.. Encoding.UTF8.GetBytes(route + "\n"), .. body]);
        using HttpRequestMessage request = new(HttpMethod.Post, route) { Content = new ByteArrayContent([.. body]) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=xyz");
        if (random.Next(2) == 0)
        {
            request.Headers.Add("X-Lattice", "new");
        }

        using HttpResponseMessage response = await target.Client.SendAsync(request);
        return await Answers.JudgeAsync(response);
    }

    private static byte[] Maybe(Random random, byte[] part)
    {
        if (random.Next(4) > 0)
        {
            return part;
        }

        return Mutator.Mutate(random, part, Seeds.Png, mostSteps: 2);
    }

    private static void Add(List<byte> body, string name, byte[] part)
    {
        body.AddRange(Encoding.ASCII.GetBytes($"--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n"));
        body.AddRange(part);
        body.AddRange("\r\n"u8);
    }

    private static byte[] Array(Random random, int classes, int height, int width)
    {
        float[] values = new float[classes * height * width];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = random.NextSingle();
        }

        using MemoryStream npy = new();
        NpyFloats.Write(npy, values, [classes, height, width]);
        return npy.ToArray();
    }

    private static byte[] Picture(Random random, int width, int height, int bands)
    {
        byte[] samples = new byte[width * height * bands];
        random.NextBytes(samples);
        if (bands == 1)
        {
            samples.AsSpan().Replace((byte)254, (byte)255);
        }

        using NetVips.Image picture = NetVips.Image.NewFromMemory(samples, width, height, bands, NetVips.Enums.BandFormat.Uchar);
        return picture.PngsaveBuffer(compression: 1);
    }
}

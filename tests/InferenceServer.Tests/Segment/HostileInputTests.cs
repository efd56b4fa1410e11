using System.Net;
using NetVips;

namespace InferenceServer.Tests.Segment;

/// <summary>Nothing that an image contains may crash, hang or leak: whatever comes, the answer is a mask or a problem
/// of the caller's.</summary>
[Collection(SharedServer.Name)]
public sealed class HostileInputTests(SegmentationServer server)
{
    private const int TruncationStep = 100;
    private const int Mutations = 40;
    private static readonly string[] Whole =
    [
        "orientation-6.jpg", "progressive.jpg", "cmyk.jpg", "rgb16.png", "animated.webp", "animated.gif",
        "two-pages.tif", "srgb-profile.jpg"
    ];

    private static readonly string[] Types = ["avif", "gif", "jpeg", "png", "tiff", "webp"];

    public static TheoryData<string> Files => [.. Images.Names];

    public static TheoryData<string> MutatedFiles => [.. Whole];

    public static TheoryData<int, int> OddSizes => new() { { 1, 1 }, { 1, 5000 }, { 5000, 1 }, { 7, 3 }, { 4097, 2 } };

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Segment_AnyFixture_IsAMaskOrAProblem(string name) => await AnswersAsync(Images.Read(name), name);

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Segment_WrongContentType_GivesTheSameAnswer(string name)
    {
        using HttpResponseMessage plain = await PostAsync(Images.Read(name), null);
        using HttpResponseMessage wrong = await PostAsync(
            Images.Read(name), name.EndsWith(".png", StringComparison.Ordinal) ? "image/jpeg" : "image/png");

        Assert.Equal(plain.StatusCode, wrong.StatusCode);
    }

    [Theory]
    [MemberData(nameof(OddSizes))]
    public async Task Segment_OddSize_HasThatSize(int width, int height)
    {
        using HttpResponseMessage response = await PostAsync(Photo.Plain(width, height), "image/png");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        byte[] mask = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(Enumerable.Repeat((byte)1, width * height), mask);
    }

    [Fact]
    public async Task Segment_900DamagedImagesBesideGoodOnes_EachAnswerIsAboutItsOwnImage()
    {
        string[] kinds =
        [
            "rgb.png", "rgb16.png", "progressive.jpg", "cmyk.jpg", "srgb-profile.jpg", "animated.gif", "animated.webp", "two-pages.tif",
            "sequence.avif", "premultiplied.avif",
        ];
        byte[][] damaged = [.. from kind in kinds from tenth in Enumerable.Range(1, 9) select Tenths(Images.Read(kind), tenth)];
        string[] alone = new string[damaged.Length];
        for (int i = 0; i < damaged.Length; i++)
        {
            alone[i] = await AnswerAsync(damaged[i]);
        }

        // Of an animation that is cut behind its first frame, the first frame is answered.
        string[] problems = [.. alone.Where(answer => answer.Contains("image/", StringComparison.Ordinal))];
        Assert.InRange(problems.Length, 70, damaged.Length);
        Assert.All(
            problems, problem => Assert.Single(Types, type => problem.Contains("image/" + type, StringComparison.Ordinal)));

        int good = 0;
        await Parallel.ForAsync(0, 1800, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            int which = i / 2 % damaged.Length;
            if (i % 2 == 0)
            {
                Assert.Equal(alone[which], await AnswerAsync(damaged[which]));
                return;
            }

            Assert.Equal(Convert.ToHexString(Photo.Labels), await AnswerAsync(Photo.Png));
            Interlocked.Increment(ref good);
        });

        Assert.Equal(900, good);

        async Task<string> AnswerAsync(byte[] file)
        {
            using HttpResponseMessage response = await PostAsync(file, null);
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                await Task.Delay(5);
                return await AnswerAsync(file);
            }

            if (response.StatusCode == HttpStatusCode.OK)
            {
                return Convert.ToHexString(await response.Content.ReadAsByteArrayAsync(CancellationToken.None));
            }

            return await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, response);
        }
    }

    private static byte[] Tenths(byte[] file, int tenths) => file[..Math.Max(64, file.Length * tenths / 10)];

    [Theory]
    [InlineData("photo.jpg")]
    [InlineData("photo.png")]
    [InlineData("animated.webp")]
    [InlineData("two-pages.tif")]
    public async Task Segment_TruncatedAtEvery100thByte_IsAProblem(string name)
    {
        byte[] whole = name switch
        {
            "photo.jpg" => Photo.Noise(jpeg: true),
            "photo.png" => Photo.Noise(jpeg: false),
            _ => Images.Read(name),
        };
        for (int length = TruncationStep; length < whole.Length - 2; length += TruncationStep)
        {
            HttpStatusCode status = await AnswersAsync(whole[..length], $"{name} cut at {length}");
            // The first of several frames may be complete.
            Assert.True(
                status is HttpStatusCode.UnprocessableEntity || !name.StartsWith("photo", StringComparison.Ordinal),
                $"{name} cut at {length}: {status}");
        }
    }

    [Fact]
    public async Task Segment_RandomBytes_IsAProblem()
    {
        Random random = new(1);
        for (int i = 0; i < 50; i++)
        {
            byte[] bytes = new byte[random.Next(1, 4000)];
            random.NextBytes(bytes);

            Assert.Equal(HttpStatusCode.UnsupportedMediaType, await AnswersAsync(bytes, $"random bytes {i}"));
        }
    }

    [Theory]
    [MemberData(nameof(MutatedFiles))]
    public async Task Segment_MutatedFile_IsAMaskOrAProblem(string name)
    {
        Random random = new(2);
        for (int i = 0; i < Mutations; i++)
        {
            byte[] bytes = Images.Read(name);
            for (int flips = random.Next(1, 20); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            await AnswersAsync(bytes, $"{name}, mutation {i}");
        }
    }

    [Theory]
    [InlineData("\u0089PNG\r\n\u001a\n")] // a signature and nothing else
    [InlineData("GIF89a")]
    [InlineData("BM")]
    [InlineData("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")]
    [InlineData("P6 1 1 255 abc")]
    [InlineData("%PDF-1.7")]
    [InlineData("2 2\n1 2\n3 4\n")] // libvips has a loader for matrices
    public async Task Segment_OtherFormats_AreProblems(string text)
    {
        HttpStatusCode status = await AnswersAsync(System.Text.Encoding.Latin1.GetBytes(text), text);

        Assert.True(status is HttpStatusCode.UnsupportedMediaType or HttpStatusCode.UnprocessableEntity, $"{status}");
    }

    [Fact]
    public async Task Segment_DamagedAndGoodImagesAtOnce_EachAnswerIsAboutItsOwnImage()
    {
        (string Name, string Type)[] kinds =
        [
            ("orientation-6.jpg", "jpeg"), ("progressive.jpg", "jpeg"), ("rgb16.png", "png"),
            ("animated.webp", "webp"), ("animated.gif", "gif"), ("two-pages.tif", "tiff"),
        ];
        await Parallel.ForAsync(0, 600, new ParallelOptions { MaxDegreeOfParallelism = 6 }, async (i, stop) =>
        {
            (string name, string type) = kinds[i % kinds.Length];
            byte[] file = Images.Read(name);
            bool whole = i % 4 == 0;
            using HttpResponseMessage response = await PostAsync(whole ? file : file[..(file.Length / 2)], null);
            string answer = await response.Content.ReadAsStringAsync(stop);

            Assert.Equal(whole ? HttpStatusCode.OK : HttpStatusCode.UnprocessableEntity, response.StatusCode);
            Assert.All(
                kinds.Where(_ => !whole),
                kind =>
                    Assert.Equal(kind.Type == type, answer.Contains(kind.Type, StringComparison.OrdinalIgnoreCase)));
        });
    }

    private async Task<HttpStatusCode> AnswersAsync(byte[] bytes, string what)
    {
        using HttpResponseMessage response = await PostAsync(bytes, null);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            Assert.True(
                (int)response.StatusCode is 413 or 415 or 422,
                $"{what}: {response.StatusCode} {await response.Content.ReadAsStringAsync()}");
            await ProblemAssert.IsAsync(response.StatusCode, response);
        }

        await AssertNothingHeldAsync(what);
        return response.StatusCode;
    }

    // libvips' own threads may still be on their way out after an earlier encode; what leaks stays for ever.
    private static async Task AssertNothingHeldAsync(string what)
    {
        for (int waits = 0; (Stats.Mem, Stats.Allocations, Stats.Files) != (0, 0, 0); waits++)
        {
            Assert.True(
                waits < 500,
                $"{what}: libvips still holds {Stats.Mem} bytes in {Stats.Allocations} pieces, and {Stats.Files} " +
                "files.");
            await Task.Delay(10);
        }
    }

    private Task<HttpResponseMessage> PostAsync(byte[] bytes, string? type) =>
        server.Client.PostAsync("/v1/segment/tiny?format=raw", Photo.Content(bytes, type));
}

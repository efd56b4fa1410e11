using System.Buffers;
using System.Text;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http;

namespace InferenceServer.Tests.Segment;

public sealed class JsonBodyTests
{
    private const int Many = 1_000_000;

    public static TheoryData<string, string> Large => new()
    {
        { "numbers", "{\"a\":[" + string.Concat(Enumerable.Repeat("1,", Many)) + "1]}" },
        { "objects", "{\"a\":[" + string.Concat(Enumerable.Repeat("{},", Many)) + "1]}" },
        { "texts", "{\"a\":[" + string.Concat(Enumerable.Repeat("\"b\",", Many)) + "1]}" },
        { "one text", "{\"a\":\"" + new string('b', 4 * Many) + "\"}" },
        { "a long name", "{\"" + new string('b', 4 * Many) + "\":1}" },
    };

    [Theory, MemberData(nameof(Large))]
    public void Of_LargeBody_TakesNoMemoryBesideTheBody(string what, string json)
    {
        using Owned<PooledBufferWriter> body = Body(json);
        long before = GC.GetAllocatedBytesForCurrentThread();

        JsonBody.Check(body.Value.Written.Span, maxValues: 3 * Many);
        JsonMembers members = JsonMembers.Of(body);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
        Assert.Equal(what != "a long name", members.Has("a"));
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "[1,2]", "a JSON object" },
        { "{\"a\":[" + string.Concat(Enumerable.Repeat("1,", 2 * Many)) + "1]}", "2,000,000 values" },
        { "{" + string.Join(',', Enumerable.Range(0, 1001).Select(i => $"\"m{i}\":1")) + "}", "1,000 members" },
        { "{\"a\":[{" + string.Join(',', Enumerable.Range(0, 1001).Select(i => $"\"m{i}\":1")) + "}]}", "1,000 members" },
        { "{\"a\":" + new string('[', 20) + new string(']', 20) + "}", "depth" },
        { "{\"a\":1}{}", "after" },
        { "", "JSON" },
    };

    [Theory, MemberData(nameof(Refused))]
    public async Task ReadAsync_WhatIsNoObjectOrTooMuch_SaysWhatWasExpected(string json, string expected)
    {
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() => ReadAsync(json, _ => 1));

        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
        Assert.Contains(expected, e.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("AAEC/w==")]
    [InlineData("data:image/png;base64,AAEC/w==")]
    [InlineData("AAEC\\/w==")]
    [InlineData("\\u0041AEC\\u002fw==")]
    [InlineData("data:image\\/png;base64,AAEC\\/w\\u003d\\u003d")]
    public async Task TakeImage_AnyWriting_IsTheImageInThePlaceOfTheBody(string text)
    {
        using PooledBufferWriter image = await ReadAsync("{\"b\": {\"c\": 2}, \"image\": \"" + text + "\"}", Take);

        Assert.Equal(new byte[] { 0, 1, 2, 255 }, image.Written.ToArray());

        static PooledBufferWriter Take(JsonMembers body)
        {
            Assert.Equal(2, body.Object("b")!.Number("c"));
            return body.TakeImage("image");
        }
    }

    [Theory]
    [InlineData("\"AAE*\"")]
    [InlineData("\"AA E\"")]
    [InlineData("7")]
    [InlineData("null")]
    public async Task TakeImage_WhatIsNoBase64_IsRefusedAndTheBufferGivenBack(string value)
    {
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(
            () => ReadAsync("{\"image\": " + value + "}", body => body.TakeImage("image")));

        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
    }

    [Fact]
    public async Task Members_OfAllKinds_AreReadWhereTheyStand()
    {
        const string Json = """
            {
                "text": "old", "text": "n\u00e9w", "number": -1.5e2, "none": null,
                "list": [{"a": 1}, 2, {"a": {"b": "c"}}], "deep": {"number": "7"}
            }
            """;

        int read = await ReadAsync(Json, body =>
        {
            Assert.Equal("néw", body.Text("text"));
            Assert.Null(body.Text("number"));
            Assert.Equal(-150, body.Number("number"));
            Assert.Null(body.Number("none"));
            Assert.Null(body.Object("list"));
            Assert.Null(body.Objects("list", most: 2));
            JsonMembers?[] elements = [.. body.Objects("list", most: 3)!];
            Assert.Equal(1, elements[0]!.Number("a"));
            Assert.Null(elements[1]);
            Assert.Equal("c", elements[2]!.Object("a")!.Text("b"));
            Assert.Contains("\"7\"", Assert.Throws<SegmentationException>(() => body.Object("deep")!.Number("number")).Message);
            return elements.Length;
        });

        Assert.Equal(3, read);
    }

    private static Task<T> ReadAsync<T>(string json, Func<JsonMembers, T> take)
    {
        DefaultHttpContext http = new();
        http.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(json));
        return JsonBody.ReadAsync(http.Request, maxBytes: 64 << 20, _ => { }, take, CancellationToken.None);
    }

    private static Owned<PooledBufferWriter> Body(string json)
    {
        PooledBufferWriter body = new(json.Length);
        body.Write(Encoding.UTF8.GetBytes(json));
        return new Owned<PooledBufferWriter>(body);
    }
}

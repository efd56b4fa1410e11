using System.Net;
using System.Text;
using InferenceServer.Client;
using InferenceServer.Tests.Jobs;

namespace InferenceServer.Tests.Clients;

public sealed class JobsClientTests : JobTestBase
{
    [Fact]
    public async Task Jobs_FromBeginningToEnd_GiveTheMasks()
    {
        await using SegmentationServer server = await StartAsync();
        using InferenceClient client = new(server.Client.BaseAddress!);
        Dictionary<string, ReadOnlyMemory<byte>> images = new() { ["a.png"] = Photo.Png, ["b.txt"] = "no image"u8.ToArray() };

        JobInfo made = await client.Jobs.CreateAsync(images, new SegmentQuery { Model = "tiny", Format = "raw" });
        JobInfo last = made;
        await foreach (JobInfo state in client.Jobs.WatchAsync(made.Id))
        {
            last = state;
        }

        Assert.Equal((made.Id, "done", "tiny", 2, 1, 1), (last.Id, last.State, last.Model, last.Total, last.Done, last.Failed));
        Assert.NotNull(last.Ended);
        Dictionary<int, JobAnswer> answers = await client.Jobs.AnswersAsync(made.Id).ToDictionaryAsync(answer => answer.Index);
        Assert.Equal(2, answers.Count);
        Assert.Equal(("a.png", 200, 48, 32, "application/octet-stream"), Fields(answers[0]));
        Assert.Equal(Photo.Labels, answers[0].Mask.ToArray());
        Assert.Equal(("b.txt", 415, 0, 0, null), Fields(answers[1]));
        Assert.Equal("urn:inference-server:unsupported-media-type", answers[1].Type);
        Assert.StartsWith("Expected an image in a supported format", answers[1].Error, StringComparison.Ordinal);
        Assert.Equal(made.Id, Assert.Single(await client.Jobs.ListAsync()).Id);
        Assert.Equal("done", (await client.Jobs.FindAsync(made.Id)).State);

        await client.Jobs.DeleteAsync(made.Id);

        InferenceServerException gone = await Assert.ThrowsAsync<InferenceServerException>(() => client.Jobs.FindAsync(made.Id));
        Assert.Equal((HttpStatusCode.NotFound, "urn:inference-server:unknown-job"), (gone.Status, gone.Type));
        Assert.Empty(await client.Jobs.ListAsync());
    }

    [Fact]
    public async Task Answers_OfAFormatOfJson_AreThatJson()
    {
        await using SegmentationServer server = await StartAsync();
        using InferenceClient client = new(server.Client.BaseAddress!);

        JobInfo made = await client.Jobs.CreateAsync(
            [new("a.png", Photo.Png)], new SegmentQuery { Format = "json" });
        await foreach (JobInfo state in client.Jobs.WatchAsync(made.Id))
        {
            Assert.Null(state.Reason);
        }

        JobAnswer answer = await client.Jobs.AnswersAsync(made.Id).SingleAsync();
        MaskAnswer alone = await client.SegmentAsync(Photo.Png, new SegmentQuery { Format = "json" });
        Assert.Equal(Encoding.UTF8.GetString(alone.Bytes), Encoding.UTF8.GetString(answer.Mask.Span));
    }

    [Fact]
    public async Task Create_WhatTheServerRefuses_IsItsSentence()
    {
        await using SegmentationServer server = await StartAsync();
        using InferenceClient client = new(server.Client.BaseAddress!);

        InferenceServerException place = await Assert.ThrowsAsync<InferenceServerException>(
            () => client.Jobs.CreateFromSourcesAsync("""{"sources": [{"path": "/nowhere/"}]}"""));
        ArgumentException version = await Assert.ThrowsAsync<ArgumentException>(
            () => client.Jobs.CreateAsync([], new SegmentQuery { Model = "tiny", Version = 1 }));

        Assert.Contains("Jobs:Sources", place.Message, StringComparison.Ordinal);
        Assert.Contains("Leave Version out", version.Message, StringComparison.Ordinal);
    }

    private static (string, int, int, int, string?) Fields(JobAnswer answer) =>
        (answer.Name, answer.Status, answer.Width, answer.Height, answer.ContentType);
}

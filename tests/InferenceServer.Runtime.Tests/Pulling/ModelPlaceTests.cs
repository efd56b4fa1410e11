using InferenceServer.Runtime.Pulling;

namespace InferenceServer.Runtime.Tests.Pulling;

public sealed class ModelPlaceTests
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    [Theory]
    [InlineData("s3://bucket", "bucket", "", false)]
    [InlineData("s3://bucket/models/road/", "road", "", false)]
    [InlineData("hf://nvidia/segformer", "segformer", "main", false)]
    [InlineData("HF://nvidia/segformer-b0.x@v1.0", "segformer-b0.x", "v1.0", false)]
    [InlineData("hf://nvidia/segformer@refs/pr/3", "segformer", "refs/pr/3", false)]
    [InlineData("hf://nvidia/segformer@" + Commit, "segformer", Commit, true)]
    public void TryParse_Place_IsRead(string text, string name, string revision, bool isCommit)
    {
        Assert.True(ModelPlace.IsRemote(text));
        Assert.True(ModelPlace.TryParse(text, out ModelPlace? place, out _));
        Assert.Equal((name, revision, isCommit), (place.Name, place.Revision, place.IsCommit));
    }

    [Theory]
    [InlineData("hf://")]
    [InlineData("hf://segformer")]
    [InlineData("hf://a/b/c")]
    [InlineData("hf://../b")]
    [InlineData("hf://a/..")]
    [InlineData("hf://a/b@")]
    [InlineData("hf://a/b@../main")]
    [InlineData("hf://a/b?x")]
    [InlineData("hf://a/b\n")]
    [InlineData("s3://Bucket")]
    [InlineData("oci://registry/model")]
    public void TryParse_Bad_SaysWhatWasExpected(string text)
    {
        Assert.False(ModelPlace.TryParse(text, out _, out string? problem));
        Assert.StartsWith("Expected ", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("models")]
    [InlineData("/srv/models")]
    public void IsRemote_Folder_IsNot(string text) => Assert.False(ModelPlace.IsRemote(text));
}

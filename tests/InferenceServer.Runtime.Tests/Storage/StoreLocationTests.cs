using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Tests.Storage;

public sealed class StoreLocationTests
{
    [Theory]
    [InlineData("s3://images", "images", "", "s3://images")]
    [InlineData("s3://images/", "images", "", "s3://images")]
    [InlineData("S3://images/a/b", "images", "a/b", "s3://images/a/b")]
    [InlineData("s3://my.images-1/a b/ü/", "my.images-1", "a b/ü", "s3://my.images-1/a b/ü")]
    public void Parse_Bucket_IsRead(string text, string bucket, string prefix, string canonical)
    {
        StoreLocation location = StoreLocation.Parse(text);

        Assert.Equal((bucket, prefix), (location.Bucket, location.Path));
        Assert.Equal(canonical, location.ToString());
    }

    [Fact]
    public void Parse_Folder_IsAFullPath()
    {
        Assert.Equal(Path.GetFullPath("images"), StoreLocation.Parse("images/").Path);
        Assert.Null(StoreLocation.Parse("images").Bucket);
        Assert.Equal(Path.GetFullPath("/"), StoreLocation.Parse("/").Path);
    }

    [Theory]
    [InlineData("", "Expected s3://bucket/prefix or the path of a folder. Got ''.")]
    [InlineData("  ", "Got '  '")]
    [InlineData("s3://", "bucket's name")]
    [InlineData("s3:///a", "bucket's name")]
    [InlineData("s3://ab", "bucket's name")]
    [InlineData("s3://Images", "bucket's name")]
    [InlineData("s3://a..b", "bucket's name")]
    [InlineData("s3://-images", "bucket's name")]
    [InlineData("s3://images-", "bucket's name")]
    [InlineData("s3://user@host", "bucket's name")]
    [InlineData("s3://192.168.0.1", "bucket's name")]
    [InlineData("s3://images\n", "bucket's name")]
    [InlineData("s3://images//a", "Expected a prefix")]
    [InlineData("s3://images/a//b", "Expected a prefix")]
    [InlineData("s3://images/a/../b", "Expected a prefix")]
    [InlineData("s3://images/a//", "Expected a prefix")]
    [InlineData("s3://images/a\\b", "Expected a prefix")]
    [InlineData("s3://images/a\tb", "'s3://images/a?b'")]
    [InlineData("gs://images/a", "no other kind of URL")]
    [InlineData("https://images/a", "no other kind of URL")]
    [InlineData("file:///images", "no other kind of URL")]
    [InlineData("../images", "without '..'")]
    [InlineData("/a/..", "without '..'")]
    [InlineData("a\\..\\b", "without '..'")]
    [InlineData("a\0b", "control characters")]
    public void Parse_Bad_IsRefusedWithTheReason(string text, string reason)
    {
        FormatException refusal = Assert.Throws<FormatException>(() => StoreLocation.Parse(text));

        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.False(StoreLocation.TryParse(text, out _, out string? problem));
        Assert.Equal(refusal.Message, problem);
    }
}

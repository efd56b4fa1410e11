namespace InferenceServer.Runtime.Tests;

public sealed class SegmentationExceptionTests
{
    [Fact]
    public void Message_Short_StaysAsItIs() => Assert.Equal("Send a smaller image.", Message("Send a smaller image."));

    [Theory]
    [InlineData("a")]
    [InlineData("😀")]
    [InlineData("a😀")]
    public void Message_ThatQuotesTheWholeRequest_IsCutBetweenCharacters(string character)
    {
        string message = Message(string.Concat(Enumerable.Repeat(character, 100_000)));

        Assert.InRange(message.Length, 790, 800);
        Assert.EndsWith("…", message, StringComparison.Ordinal);
        Assert.Equal(message, System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(message)));
    }

    private static string Message(string text) => new SegmentationException(SegmentationError.InvalidRequest, text).Message;
}

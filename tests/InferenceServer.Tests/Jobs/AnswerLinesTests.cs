using System.Text;
using InferenceServer.Jobs;

namespace InferenceServer.Tests.Jobs;

public sealed class AnswerLinesTests
{
    [Fact]
    public void Read_LinesLongerThanAnyBuffer_AreCountedByTheirBeginning()
    {
        string mask = new('A', 200_000);
        string whole = $"{{\"index\":7,\"status\":200,\"mask\":\"{mask}\"}}\n{{\"index\":2147483647,\"status\":415,\"name\":\"é\"}}\n";

        HashSet<int> answered = AnswerLines.Read(
            Stream(whole + "{\"index\":8,\"status\":200,\"mask\":\"" + mask), out int failures, out long length);

        Assert.Equal([7, int.MaxValue], answered.Order());
        Assert.Equal((1, Encoding.UTF8.GetByteCount(whole)), (failures, length));
    }

    [Theory]
    [InlineData("\0\0\0\n")]
    [InlineData("{\"index\":,\"status\":200}\n")]
    [InlineData("{\"index\":99999999999,\"status\":200}\n")]
    [InlineData("{\"index\":1}\n")]
    [InlineData("\n")]
    public void Read_ALineThatIsNoAnswer_EndsWhatIsKept(string damaged)
    {
        const string Whole = "{\"index\":0,\"status\":200}\n";

        HashSet<int> answered = AnswerLines.Read(Stream(Whole + damaged + Whole), out _, out long length);

        Assert.Equal([0], answered);
        Assert.Equal(Whole.Length, length);
    }

    private static MemoryStream Stream(string text) => new(Encoding.UTF8.GetBytes(text));
}

using InferenceServer.Fetching;

namespace InferenceServer.Tests.Fetching;

public sealed class HostPatternTests
{
    [Theory]
    [InlineData("example.org", "EXAMPLE.org", 443, true)]
    [InlineData("example.org", "example.org", 8080, false)]
    [InlineData("example.org", "a.example.org", 443, false)]
    [InlineData("example.org:8080", "example.org", 8080, true)]
    [InlineData("example.org:8080", "example.org", 80, false)]
    [InlineData("*.example.org", "a.b.example.org", 80, true)]
    [InlineData("*.example.org", "example.org", 80, false)]
    [InlineData("*.example.org", "evilexample.org", 80, false)]
    [InlineData("127.0.0.1:9000", "127.0.0.1", 9000, true)]
    [InlineData("[2001:db8::1]:8443", "2001:db8::1", 8443, true)] // as URLs name it once they are read
    [InlineData("[2001:db8::1]", "2001:db8::1", 443, true)]
    [InlineData("bücher.example", "xn--bcher-kva.example", 443, true)]
    [InlineData("*.bücher.example", "a.xn--bcher-kva.example", 443, true)]
    public void Matches_Host_AsWritten(string pattern, string host, int port, bool expected) =>
        Assert.Equal(expected, HostPattern.Parse(pattern)!.Matches(host, port, port is 80 or 443));

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("https://example.org")]
    [InlineData("example.org/path")]
    [InlineData("example.org:0")]
    [InlineData("example.org:port")]
    [InlineData("a b")]
    public void Parse_NoHost_IsNull(string text) => Assert.Null(HostPattern.Parse(text));
}

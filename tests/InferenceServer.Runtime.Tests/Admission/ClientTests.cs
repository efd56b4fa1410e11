using System.Net;
using InferenceServer.Runtime.Admission;

namespace InferenceServer.Runtime.Tests.Admission;

public sealed class ClientTests
{
    [Theory]
    [InlineData("10.0.0.7", "10.0.0.7", true)]
    [InlineData("10.0.0.7", "::ffff:10.0.0.7", true)] // the same, of a socket for both protocols
    [InlineData("10.0.0.7", "10.0.0.8", false)]
    [InlineData("2001:db8:1:2::7", "2001:db8:1:2:ffff::8", true)] // one network, one owner
    [InlineData("2001:db8:1:2::7", "2001:db8:1:3::7", false)]
    [InlineData("::1", "127.0.0.1", false)]
    public void OfAddress_TwoAddresses_AreOneClientWhereOneOwnerHasBoth(string one, string other, bool same) =>
        Assert.Equal(same, Client.OfAddress(IPAddress.Parse(one)) == Client.OfAddress(IPAddress.Parse(other)));

    [Fact]
    public void OfAddress_NoAddress_IsTheClientOfUnixSockets() => Assert.Equal(Client.Local, Client.OfAddress(null));

    [Fact]
    public void OfCaller_NameOfAnAddress_IsAnotherClient() =>
        Assert.NotEqual(Client.OfCaller("10.0.0.7"), Client.OfAddress(IPAddress.Parse("10.0.0.7")));

    [Theory]
    [InlineData("::ffff:10.0.0.7", "10.0.0.7")]
    [InlineData("2001:db8:1:2::7", "2001:db8:1:2::/64")]
    public void ToString_OfAnAddress_NamesWhatCounts(string address, string expected) =>
        Assert.Equal(expected, Client.OfAddress(IPAddress.Parse(address)).ToString());
}

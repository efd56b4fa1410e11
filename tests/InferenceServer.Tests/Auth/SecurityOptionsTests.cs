using InferenceServer.Auth;
using InferenceServer.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests.Auth;

public sealed class SecurityOptionsTests
{
    private const string Hash = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("Security:Keys:lab:Hash", "")]
    [InlineData("Security:Keys:lab:Hash", "secret")]
    [InlineData("Security:Keys:lab:Hash", "sha256:00")]
    [InlineData("Security:Keys:lab:Scopes", "none")]
    [InlineData("Security:Keys:lab:RequestsPerSecond", "-1")]
    [InlineData("Security:Keys:lab:RequestsPerSecond", "0.000001")] // a burst of the longest would be more time than there is
    [InlineData("Security:Keys:lab:Burst", "0")]
    [InlineData("Security:Keys:lab:RequestsPerHour", "-1")]
    [InlineData("Security:Keys:lab:RequestsPerDay", "-1")]
    [InlineData("Security:Anonymous", "admin")]
    [InlineData("Security:Origins:0", "*")]
    [InlineData("Security:Origins:0", "https://maps.example.org/")]
    [InlineData("Security:Origins:0", "maps.example.org")]
    public void Validate_ValueOutOfRange_NamesTheKey(string key, string value) =>
        Assert.Contains(
            key.Replace(":0", "", StringComparison.Ordinal),
            Assert.Throws<OptionsValidationException>(() =>
                Validate(("Security:Keys:lab:Hash", Hash), (key, value))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Validate_OneHashUnderTwoNames_NamesBoth()
    {
        string message = Assert.Throws<OptionsValidationException>(() =>
            Validate(("Security:Keys:lab:Hash", Hash), ("Security:Keys:road:Hash", Hash))).Message;

        Assert.Contains("lab and road", message, StringComparison.Ordinal);
    }

    // The binder would leave a key out of which it cannot read a value, and a server without keys is open.
    [Theory]
    [InlineData("Security:Keys:lab:Scopes", "root")]
    [InlineData("Security:Keys:lab:RequestPerDay", "1")] // a letter is missing
    public void Validate_WhatCannotBeBound_StopsTheServerAndNamesTheKey(string key, string value) =>
        Assert.Contains(
            key,
            StartUp.Reason(
                Assert.ThrowsAny<Exception>(() => Validate(("Security:Keys:lab:Hash", Hash), (key, value)))),
            StringComparison.Ordinal);

    [Fact]
    public void Validate_Everything_Passes() => Validate(
        ("Security:Keys:lab:Hash", Hash), ("Security:Keys:lab:Scopes", "Infer, Admin"),
        ("Security:Keys:lab:RequestsPerSecond", "0.5"), ("Security:Anonymous", "none"),
        ("Security:Origins:0", "https://maps.example.org:8443"));

    private static void Validate(params (string Key, string Value)[] settings)
    {
        ServiceCollection services = new();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(
            settings.GroupBy(s => s.Key).Select(s => KeyValuePair.Create(s.Key, (string?)s.Last().Value))).Build());
        services.AddAuth();
        using ServiceProvider provider = services.BuildServiceProvider();
        provider.GetRequiredService<IStartupValidator>().Validate();
    }
}

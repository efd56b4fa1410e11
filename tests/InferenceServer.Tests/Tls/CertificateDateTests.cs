using InferenceServer.Tls;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Tests.Tls;

/// <summary>What the log says of a certificate that ends soon. The certificates of these tests are valid for 29 days from
/// now on.</summary>
public sealed class CertificateDateTests : IDisposable
{
    private readonly TestCertificates _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData(0, null)]
    [InlineData(20, "in 8 days. Renew")]
    [InlineData(40, "expired on ")]
    [InlineData(-10, "is not valid before ")]
    public void Start_SomeDaysFromNow_IsAWarningWithTheDate(int days, string? expected)
    {
        Warnings log = new();
        FakeTimeProvider clock = new(DateTimeOffset.UtcNow.AddDays(days));

        _ = Create(log, clock);

        Assert.Equal(expected is null ? 0 : 1, log.Lines.Count);
        Assert.All(log.Lines, line => Assert.Contains(expected!, line, StringComparison.Ordinal));
    }

    [Fact]
    public void Current_WhileTimePasses_WarnsOnceADayUntilItIsReplaced()
    {
        Warnings log = new();
        FakeTimeProvider clock = new(DateTimeOffset.UtcNow);
        CertificateFile certificate = Create(log, clock);
        Assert.Empty(log.Lines);

        for (int hour = 0; hour < 17 * 24; hour++)
        {
            clock.Advance(TimeSpan.FromHours(1));
            Assert.NotNull(certificate.Current);
        }

        Assert.InRange(log.Lines.Count, 2, 3); // the last days of 17, where 29 less 14 are 15
    }

    private CertificateFile Create(Warnings log, TimeProvider clock)
    {
        _files.Renew();
        TlsOptions options = new() { Certificate = _files.CertificateFile, Key = _files.KeyFile };
        return new CertificateFile(Options.Create(options), clock, log);
    }

    private sealed class Warnings : ILogger<CertificateFile>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel == LogLevel.Warning)
            {
                Lines.Add(formatter(state, exception));
            }
        }
    }
}

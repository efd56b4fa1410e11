namespace InferenceServer.Tls;

internal static partial class Log
{
    [LoggerMessage(
        600, LogLevel.Information,
        "New connections use a new certificate: {Subject}, valid until {NotAfter:O}.")]
    public static partial void CertificateReplaced(ILogger logger, string subject, DateTime notAfter);

    [LoggerMessage(
        601, LogLevel.Error, "The certificate's files have changed and cannot be read; the old certificate stays in use: {Reason}")]
    public static partial void CertificateUnreadable(ILogger logger, string reason);
}

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

    [LoggerMessage(
        602, LogLevel.Warning,
        "The certificate {Subject} expired on {NotAfter:O}: clients refuse the server. Replace the files of Tls:Certificate and Tls:Key.")]
    public static partial void CertificateExpired(ILogger logger, string subject, DateTimeOffset notAfter);

    [LoggerMessage(
        603, LogLevel.Warning,
        "The certificate {Subject} expires on {NotAfter:O}, in {Days} days. Renew the files of Tls:Certificate and Tls:Key.")]
    public static partial void CertificateExpires(ILogger logger, string subject, DateTimeOffset notAfter, int days);

    [LoggerMessage(
        604, LogLevel.Warning, "The certificate {Subject} is not valid before {NotBefore:O}: check the clock of this machine.")]
    public static partial void CertificateNotYetValid(ILogger logger, string subject, DateTimeOffset notBefore);
}

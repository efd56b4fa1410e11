using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Tls;

/// <summary>The server's certificate, and whose certificates clients must have; section <c>Tls</c>. Used by every address that begins with https.</summary>
public sealed class TlsOptions
{
    /// <summary>A PEM file with the server's certificate and, after it, the intermediate ones. Default none.</summary>
    public string? Certificate { get; set; }

    /// <summary>A PEM file with the certificate's key. Default: it is in <see cref="Certificate"/>.</summary>
    public string? Key { get; set; }

    /// <summary>A PEM file with the authorities one of which must have signed a client's certificate. Default none: clients need no certificate.</summary>
    public string? ClientCa { get; set; }

    /// <summary>Longest time for which a certificate is used after its files were replaced, 10 ms to a day. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(10);
}

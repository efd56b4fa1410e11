using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace InferenceServer.Hosting;

/// <summary>HTTP/2 without TLS on the addresses of HTTP/1, for proxies and clients that know beforehand that the server speaks
/// it (RFC 9113, section 3.3).</summary>
/// <remarks>Kestrel takes every connection without TLS for HTTP/1 where an address allows both. Here the first bytes decide:
/// a client of HTTP/2 begins with the preface. The bytes of a TLS handshake never resemble it.</remarks>
internal static class PlainHttp2
{
    private const string ProtocolsFeature =
        "Microsoft.AspNetCore.Server.Kestrel.Core.Internal.HttpProtocolsFeature, Microsoft.AspNetCore.Server.Kestrel.Core";

    private static readonly Type Choice = Type.GetType(ProtocolsFeature, throwOnError: true)!;

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public static void AddPlainHttp2(this WebApplicationBuilder builder) =>
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Use(next => async connection =>
        {
            if (endpoint.Protocols.HasFlag(HttpProtocols.Http2) && await BeginsWithPrefaceAsync(connection, kestrel.Limits))
            {
                connection.Features[Choice] = NewChoice(HttpProtocols.Http2);
            }

            await next(connection);
        })));

    // The class is Kestrel's own: it has no public way to choose the protocol of a connection.
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    [return: UnsafeAccessorType(ProtocolsFeature)]
    private static extern object NewChoice(HttpProtocols protocols);

    private static async Task<bool> BeginsWithPrefaceAsync(ConnectionContext connection, KestrelServerLimits limits)
    {
        // Kestrel's own limits on silent connections apply only once the protocol is known.
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(
            connection.ConnectionClosed,
            connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default);
        stop.CancelAfter(limits.KeepAliveTimeout);
        PipeReader input = connection.Transport.Input;
        try
        {
            while (true)
            {
                ReadResult result = await input.ReadAsync(stop.Token);
                bool? begins = Begins(result.Buffer);
                if (begins is not null || result.IsCompleted)
                {
                    input.AdvanceTo(result.Buffer.Start); // the next reader sees the same bytes at once
                    return begins is true;
                }

                input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            }
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    // Null while the bytes may still become the preface.
    private static bool? Begins(in ReadOnlySequence<byte> bytes)
    {
        int length = (int)Math.Min(bytes.Length, Preface.Length);
        Span<byte> first = stackalloc byte[length];
        bytes.Slice(0, length).CopyTo(first);
        if (!Preface.StartsWith(first))
        {
            return false;
        }

        if (length < Preface.Length)
        {
            return null;
        }

        return true;
    }
}

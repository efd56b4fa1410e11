using System.Net;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>A body that begins, and ends only with its request.</summary>
internal sealed class OpenBody(byte[] beginning) : HttpContent
{
    private readonly TaskCompletionSource _end = new();

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.WriteAsync(beginning);
        await stream.FlushAsync();
        await _end.Task;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        _end.TrySetResult();
        base.Dispose(disposing);
    }
}

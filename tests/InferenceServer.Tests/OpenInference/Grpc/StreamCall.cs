using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Threading.Channels;
using Google.Protobuf;
using InferenceServer.OpenInference.Grpc.Messages;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>A call of ModelStreamInfer, whose two directions are open at the same time.</summary>
internal sealed class StreamCall : IDisposable
{
    public const string Method = "inference.GRPCInferenceService/ModelStreamInfer";

    private readonly Channel<byte[]> _frames = Channel.CreateUnbounded<byte[]>();
    private readonly CancellationTokenSource _reset = new();
    private readonly Task<HttpResponseMessage> _response;
    private Stream? _answers;

    public StreamCall(HttpClient client, params (string Key, string Value)[] headers)
    {
        HttpRequestMessage request = GrpcServer.Request(Method, new Body(_frames.Reader), headers);
        _response = client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, _reset.Token);
    }

    /// <summary>Sends a message.</summary>
    public void Send(IMessage message) => SendBytes(GrpcServer.Frame(message.ToByteArray()));

    /// <summary>Sends a part of a message, or several.</summary>
    public void SendBytes(byte[] bytes) => Assert.True(_frames.Writer.TryWrite(bytes));

    /// <summary>Says that no message follows.</summary>
    public void End() => _frames.Writer.Complete();

    /// <summary>Sends a message, and gets the answer to it.</summary>
    public Task<ModelStreamInferResponse?> AskAsync(IMessage message)
    {
        Send(message);
        return NextAsync();
    }

    /// <summary>The next answer; null at the end of the stream.</summary>
    public async Task<ModelStreamInferResponse?> NextAsync()
    {
        _answers ??= await (await _response).Content.ReadAsStreamAsync();
        byte[] header = new byte[5];
        int count = await _answers.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false);
        if (count == 0)
        {
            return null;
        }

        Assert.Equal((header.Length, 0), (count, header[0]));
        byte[] message = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1))];
        await _answers.ReadExactlyAsync(message);
        return ModelStreamInferResponse.Parser.ParseFrom(message);
    }

    /// <summary>The status of the stream, which has no further answer, and its sentence.</summary>
    public async Task<(int Status, string Message)> StatusAsync()
    {
        HttpResponseMessage response = await _response;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        bool headersOnly = response.Headers.Contains("grpc-status");
        if (!headersOnly)
        {
            Assert.Null(await NextAsync());
        }

        System.Net.Http.Headers.HttpResponseHeaders trailers = headersOnly ? response.Headers : response.TrailingHeaders;
        string status = trailers.GetValues("grpc-status").Single();
        string message = trailers.TryGetValues("grpc-message", out IEnumerable<string>? texts) ? texts.Single() : "";
        return (int.Parse(status, CultureInfo.InvariantCulture), Uri.UnescapeDataString(message));
    }

    public void Dispose()
    {
        _reset.Cancel();
        _frames.Writer.TryComplete();
        if (_response.IsCompletedSuccessfully)
        {
            _response.Result.Dispose();
        }
    }

    private sealed class Body(ChannelReader<byte[]> frames) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync(); // the headers, before there is a message
            await foreach (byte[] frame in frames.ReadAllAsync())
            {
                await stream.WriteAsync(frame);
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}

using System.Buffers;
using InferenceServer.Metrics;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>The predictions of all tasks, in their order.</summary>
internal sealed class LabelStudioResult : IResult, IDisposable
{
    private readonly PooledBufferWriter _json = new();
    private bool _hasAny;

    public LabelStudioResult() => _json.Write("{\"results\":["u8);

    public void Add(PooledBufferWriter prediction)
    {
        _json.Write(_hasAny ? ","u8 : ""u8);
        _json.Write(prediction.Written.Span);
        _hasAny = true;
    }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using (this)
        {
            _json.Write("]}"u8);
            httpContext.Response.ContentType = "application/json";
            httpContext.Response.ContentLength = _json.Written.Length;
            await httpContext.Response.BodyWriter.WriteAsync(_json.Written, httpContext.RequestAborted);
            if (_hasAny)
            {
                httpContext.Observation().Sent(_json.Written.Length);
            }
        }
    }

    public void Dispose() => _json.Dispose();
}

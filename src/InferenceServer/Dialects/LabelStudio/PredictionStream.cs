using System.Buffers;
using System.IO.Pipelines;
using InferenceServer.Bulk;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Sends the predictions of all tasks in their order, each before the next is made.</summary>
internal sealed class PredictionStream(HttpContext http)
{
    private bool _hasAny;

    /// <summary>Sends a prediction.</summary>
    public async Task AddAsync(ReadOnlyMemory<byte> prediction)
    {
        Begin(",");
        _hasAny = true;
        await http.Response.BodyWriter.WritePiecesAsync(prediction, http.RequestAborted);
    }

    /// <summary>Sends the end of the answer.</summary>
    public async Task EndAsync()
    {
        Begin("");
        PipeWriter body = http.Response.BodyWriter;
        body.Write("]}"u8);
        await body.FlushAsync(http.RequestAborted);
    }

    private void Begin(string between)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.ContentType = "application/json";
        }

        http.Response.BodyWriter.Write(System.Text.Encoding.ASCII.GetBytes(_hasAny ? between : "{\"results\":["));
    }
}

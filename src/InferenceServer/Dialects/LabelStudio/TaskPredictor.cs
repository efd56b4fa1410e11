using System.Buffers;
using System.IO.Pipelines;
using InferenceServer.Auth;
using InferenceServer.Bulk;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Makes the predictions of a request. The request's permit serves its first task; the other tasks wait for
/// permits of their own.</summary>
internal sealed class TaskPredictor(
    SegmentHandler handler, RetryingAdmission retrying, TaskImages images, SegmentationMetrics metrics,
    IOptions<LabelStudioOptions> options)
{
    private const int MaxRequestBytes = 4 << 20;

    /// <summary>Reads a request and sends its predictions.</summary>
    /// <param name="http">The request.</param>
    /// <param name="model">The model for all tasks; the caller disposes it.</param>
    /// <param name="admission">The request for admission, for the tasks after the first.</param>
    /// <param name="first">The request's permit; the caller disposes it.</param>
    /// <exception cref="SegmentationException">The body is wrong, or the only task fails. Of several tasks, a failed
    /// task gets an error in its place.</exception>
    public async Task AnswerAsync(HttpContext http, ModelLease model, AdmissionRequest admission, AdmittedRequest first)
    {
        http.Observation().Admitted(model.Model);
        PredictRequest request = await first.ReadAsync(
            () => JsonBody.ReadAsync(http.Request, MaxRequestBytes, first.HoldBytes, PredictRequest.Parse, first.Cancellation));
        PredictionEncoder encoder = new(request.Control, options.Value.Tolerance);
        await using PredictionStream answer = new(http);
        if (request.Images is [var only])
        {
            long sent = await PredictAsync(first, encoder, only, answer);
            await answer.EndAsync();
            http.Observation().Sent(sent);
            return;
        }

        http.Observation().InParts();
        AdmittedRequest? admitted = first;
        foreach (TaskImage image in request.Images)
        {
            using ImageObservation observation = new(metrics, model.Model, http.Observation().Route, admitted?.Timings);
            try
            {
                admitted ??= await retrying.EnterAsync(admission with { Timings = observation.Timings }, Caller.Of(http)?.Budget);
                observation.Sent(await PredictAsync(admitted, encoder, image, answer));
            }
            catch (SegmentationException e)
            {
                observation.Failed(e);
                using PooledBufferWriter none = new();
                PredictionEncoder.WriteNone(model.Model, e, none);
                await answer.AddAsync(none.Written, keepsPlace: false);
            }
            finally
            {
                admitted?.Dispose();
                admitted = null;
            }
        }

        await answer.EndAsync();
    }

    // Buffers the whole prediction before it is sent, so that a failure leaves no half of it.
    private async Task<long> PredictAsync(
        AdmittedRequest admitted, PredictionEncoder encoder, TaskImage task, PredictionStream answer)
    {
        using PooledBufferWriter prediction = new();
        ImageReader read = (maxBytes, hold, ct) => images.FetchAsync(task, maxBytes, hold, ct);
        using (PooledBufferWriter image = await handler.ReadAsync(admitted, read))
        {
            await handler.SegmentAsync(admitted, new SegmentSettings { Format = encoder.Format }, image.Written, prediction);
        }

        await answer.AddAsync(prediction.Written, keepsPlace: !admitted.TryLeave(prediction.Written.Length));
        return prediction.Written.Length;
    }
}

/// <summary>Sends the predictions of all tasks in their order, each before the next is made.</summary>
internal sealed class PredictionStream(HttpContext http) : IAsyncDisposable
{
    private readonly AnswerWriter _body = new(http);
    private bool _hasAny;

    /// <summary>Sends a prediction.</summary>
    /// <param name="prediction">The prediction as JSON.</param>
    /// <param name="keepsPlace">Whether its task keeps its place in the server meanwhile.</param>
    public async Task AddAsync(ReadOnlyMemory<byte> prediction, bool keepsPlace)
    {
        _body.Begin(prediction.Length, keepsPlace);
        Begin(",");
        _hasAny = true;
        await _body.WritePiecesAsync(prediction, http.RequestAborted);
    }

    /// <summary>Sends the end of the answer.</summary>
    public async Task EndAsync()
    {
        Begin("");
        _body.Write("]}"u8);
        await _body.FlushAsync(http.RequestAborted);
    }

    public ValueTask DisposeAsync() => _body.DisposeAsync();

    private void Begin(string between)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.ContentType = "application/json";
        }

        _body.Write(System.Text.Encoding.ASCII.GetBytes(_hasAny ? between : "{\"results\":["));
    }
}

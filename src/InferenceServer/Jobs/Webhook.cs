using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Fetching;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Tells a URL that a job has ended: a POST of its status.</summary>
/// <remarks>The URL may be told twice. With <c>Jobs:WebhookSecret</c> the header <c>X-Signature</c> is <c>sha256=</c> and the
/// HMAC-SHA256 of the body in hexadecimal digits.</remarks>
internal sealed class Webhook(IOptions<JobOptions> options, TimeProvider time, ILogger<Webhook> logger) : IDisposable
{
    private const int Tries = 5;
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1), Timeout = TimeSpan.FromSeconds(10);

    // No redirects: they could lead to a host that is not listed.
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    /// <summary>Tells the URL; after five tries it gives up and logs why.</summary>
    public async Task TellAsync(string url, JobStatus status, CancellationToken cancellationToken)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(status, JobJson.Default.JobStatus);
        string reason = "";
        for (int i = 0; i < Tries; i++)
        {
            if (i > 0)
            {
                await Task.Delay(FirstWait * Math.Pow(2, i - 1), time, cancellationToken);
            }

            try
            {
                using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                timeout.CancelAfter(Timeout);
                using HttpRequestMessage request = new(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
                request.Headers.UserAgent.Add(ImageFetcher.UserAgent);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                if (options.Value.WebhookSecret is { Length: > 0 } secret)
                {
                    byte[] signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body);
                    request.Headers.Add("X-Signature", "sha256=" + Convert.ToHexStringLower(signature));
                }

                using HttpResponseMessage response = await _http.SendAsync(request, timeout.Token);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }

                reason = $"the host answered {(int)response.StatusCode}.";
            }
            catch (HttpRequestException e)
            {
                reason = e.Message;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                reason = $"the host did not answer within {Timeout.TotalSeconds} s.";
            }
        }

        Log.NotNotified(logger, status.Id, Tries, reason);
    }

    public void Dispose() => _http.Dispose();
}

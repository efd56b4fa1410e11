using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Pulling;

/// <summary>The files of a repository on the Hugging Face Hub.</summary>
/// <remarks>As the Hub's own tools do: <c>HF_ENDPOINT</c> is the Hub's address and <c>HF_TOKEN</c> the token. The token
/// goes to the Hub alone, and to no other host that the Hub redirects to.</remarks>
internal sealed partial class HubModels(ModelPlace place, HttpClient client) : IRemoteModels
{
    private const string PublicHub = "https://huggingface.co";
    private const int MostRedirects = 5;
    private const int MostPages = 1000;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly Uri _hub = Hub(place);
    private readonly string? _token = Environment.GetEnvironmentVariable("HF_TOKEN");

    public ModelPlace Place => place;

    public string Address => _hub.AbsoluteUri;

    /// <summary>A client that does not follow redirects.</summary>
    public static HttpClient CreateClient() =>
        new(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // follows changes in DNS
        })
        {
            Timeout = System.Threading.Timeout.InfiniteTimeSpan, // each answer and each read has a limit
            DefaultRequestHeaders = { UserAgent = { new ProductInfoHeaderValue("InferenceServer", null) } },
        };

    public async Task<RemoteListing> ListAsync(RemoteListing? last, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(last, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new StorageException($"{place.Text}: {_hub} did not answer in the form of the Hub; check HF_ENDPOINT.", false, e);
        }
    }

    private async Task<RemoteListing> ReadAsync(RemoteListing? last, CancellationToken cancellationToken)
    {
        string commit = place.Revision;
        if (!place.IsCommit)
        {
            string revision = Uri.EscapeDataString(place.Revision);
            using JsonDocument info = await JsonAsync($"api/models/{place.Repository}/revision/{revision}", cancellationToken)
                .ConfigureAwait(false);
            commit = info.RootElement.GetProperty("sha").GetString() ?? "";
        }

        if (!ModelPlace.IsHash(commit))
        {
            throw new FormatException("Expected a commit.");
        }

        if (last?.Commit == commit)
        {
            return last;
        }

        List<RemoteFile> files = [];
        Uri? page = new(_hub, $"api/models/{place.Repository}/tree/{commit}?recursive=true");
        for (int pages = 0; page is not null && pages < MostPages; pages++)
        {
            using HttpResponseMessage answer = await GetAsync(page, cancellationToken).ConfigureAwait(false);
            using JsonDocument tree = await ParseAsync(answer, cancellationToken).ConfigureAwait(false);
            files.AddRange(tree.RootElement.EnumerateArray().Where(IsFile).Select(Describe).Where(file => ObjectKey.IsValid(file.Path)));
            page = Next(answer);
        }

        return new RemoteListing(files, commit);
    }

    public async Task<Stream?> OpenAsync(RemoteListing listing, RemoteFile file, CancellationToken cancellationToken)
    {
        string path = string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString));
        HttpResponseMessage answer = await GetAsync(
            new Uri(_hub, $"{place.Repository}/resolve/{listing.Commit}/{path}"), cancellationToken).ConfigureAwait(false);
        return new StoredStream(
            await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false), answer, Timeout,
            $"{place.Text}: '{file.Path}'");
    }

    // The files of a commit never change.
    public Task<bool> IsCurrentAsync(RemoteFile file, CancellationToken cancellationToken) => Task.FromResult(true);

    private static Uri Hub(ModelPlace place)
    {
        string? setting = Environment.GetEnvironmentVariable("HF_ENDPOINT");
        string address = string.IsNullOrEmpty(setting) ? PublicHub : setting;
        if (Uri.TryCreate(address.TrimEnd('/') + "/", UriKind.Absolute, out Uri? hub)
            && (hub.Scheme == Uri.UriSchemeHttps || hub.Scheme == Uri.UriSchemeHttp))
        {
            return hub;
        }

        throw new StorageException($"{place.Text}: expected a URL in HF_ENDPOINT, such as {PublicHub}.", isTransient: false);
    }

    private static bool IsFile(JsonElement entry) => entry.GetProperty("type").GetString() == "file";

    // A large file has the hash of its bytes; a small file has Git's own.
    private static RemoteFile Describe(JsonElement entry)
    {
        string path = entry.GetProperty("path").GetString()!;
        if (entry.TryGetProperty("lfs", out JsonElement large) && large.ValueKind == JsonValueKind.Object)
        {
            return new RemoteFile(path, large.GetProperty("size").GetInt64(), large.GetProperty("oid").GetString()!, HashKind.Sha256);
        }

        return new RemoteFile(path, entry.GetProperty("size").GetInt64(), entry.GetProperty("oid").GetString()!, HashKind.Git);
    }

    private Uri? Next(HttpResponseMessage answer)
    {
        string links = answer.Headers.TryGetValues("Link", out IEnumerable<string>? values) ? string.Join(',', values) : "";
        Match next = NextLink().Match(links);
        if (next.Success)
        {
            return new Uri(_hub, next.Groups["url"].Value);
        }

        return null;
    }

    private async Task<JsonDocument> JsonAsync(string path, CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer = await GetAsync(new Uri(_hub, path), cancellationToken).ConfigureAwait(false);
        return await ParseAsync(answer, cancellationToken).ConfigureAwait(false);
    }

    private async Task<JsonDocument> ParseAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        using StoredStream body = new(
            await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false), answer, Timeout, place.Text);
        return await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> GetAsync(Uri address, CancellationToken cancellationToken)
    {
        for (int redirects = 0; redirects <= MostRedirects; redirects++)
        {
            HttpResponseMessage answer = await SendAsync(address, cancellationToken).ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
            {
                return answer;
            }

            using (answer)
            {
                bool isRedirect = (int)answer.StatusCode is >= 300 and < 400;
                if (!isRedirect || answer.Headers.Location is not { } location)
                {
                    throw Refusal(answer.StatusCode);
                }

                Uri next = new(address, location);
                if (address.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps)
                {
                    throw new StorageException($"{place.Text}: {_hub} redirects to an address without encryption.", false);
                }

                address = next;
            }
        }

        throw new StorageException($"{place.Text}: {_hub} redirects more than {MostRedirects} times.", isTransient: false);
    }

    private async Task<HttpResponseMessage> SendAsync(Uri address, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Timeout);
        using HttpRequestMessage request = new(HttpMethod.Get, address);
        if (!string.IsNullOrEmpty(_token) && address.Host == _hub.Host && address.Port == _hub.Port)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        }

        try
        {
            return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw new StorageException(
                $"{place.Text}: {address.Host} cannot be reached: {e.Message}; check HF_ENDPOINT and the network.", isTransient: true, e);
        }
    }

    private StorageException Refusal(HttpStatusCode status)
    {
        string answer = $"{place.Text}: {_hub} answered {(int)status}";
        return status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new(
                $"{answer}: the repository does not exist, or HF_TOKEN is missing or may not read it.", isTransient: false),
            HttpStatusCode.NotFound => new($"{answer}: there is no such repository or revision.", isTransient: false),
            HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError => new(
                $"{answer}; try again later.", isTransient: true),
            _ => new($"{answer}.", isTransient: false),
        };
    }

    [GeneratedRegex("<(?<url>[^>]+)>\\s*;\\s*rel=\"?next")]
    private static partial Regex NextLink();
}

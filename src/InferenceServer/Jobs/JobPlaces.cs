using System.Text.RegularExpressions;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>The places that jobs may read from, write to and tell, as the operator lists them.</summary>
internal sealed partial class JobPlaces(ObjectStores stores, ImageFetcher fetcher, IOptions<JobOptions> options)
{
    private const string OwnerMark = "{key}";
    private const int MostSources = 100, LongestGlob = 256, MostDeepWildcards = 3; // a glob is tried on each of a million keys
    private readonly HostPattern[] _hosts = [.. options.Value.WebhookHosts.Select(host => HostPattern.Parse(host)!)];

    /// <summary>Refuses a request with a place that is not listed or not a place.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">The caller's name; null without a key or token.</param>
    /// <exception cref="SegmentationException">A place is not allowed; the message names the option that lists
    /// places.</exception>
    public void Check(JobRequest request, string? caller)
    {
        if (request.Sources.Count == 0)
        {
            throw Invalid("sources: expected at least one source, got none.");
        }

        if (request.Sources.Count > MostSources)
        {
            throw Invalid($"sources: expected at most {MostSources} sources, got {request.Sources.Count}. Make several jobs.");
        }

        for (int i = 0; i < request.Sources.Count; i++)
        {
            Check(request.Sources[i], $"sources[{i}]", caller);
        }

        if (request.Target is { } target)
        {
            StoreLocation place = Location(target.Uri, target.Path, "target");
            RequireListed(place, options.Value.Targets, caller, "target", "Jobs:Targets");
            if (request.Sources.Any(s => s.Urls is null && s.Glob is null && Location(s) == place))
            {
                throw Invalid(
                    "target: expected another place than the source, or a source with a glob: "
                    + "masks would be read as images.");
            }
        }

        if (request.Notify is { } notify && !MayTell(notify.Webhook))
        {
            throw Invalid(
                $"notify.webhook: expected an http or https URL of a listed host, got '{notify.Webhook}'. "
                + "The operator can list the host in Jobs:WebhookHosts.");
        }
    }

    /// <summary>The place that keys of a source are relative to. A source without <c>/</c> at its end may be one object:
    /// then it is the folder around it.</summary>
    public static StoreLocation Root(JobSource source)
    {
        StoreLocation place = Location(source);
        int slash = place.Path.LastIndexOf('/');
        if (IsFolder(source) || (place.Bucket is not null && place.Path.Length == 0))
        {
            return place;
        }

        return place with { Path = place.Path[..Math.Max(slash, place.Bucket is null ? 1 : 0)] };
    }

    /// <summary>Whether a source is certainly not one object.</summary>
    public static bool IsFolder(JobSource source) =>
        (source.Uri ?? source.Path)!.EndsWith('/') || Directory.Exists(source.Path);

    /// <summary>The place of a source that is not a list of URLs.</summary>
    public static StoreLocation Location(JobSource source) => Location(source.Uri, source.Path, "sources");

    /// <summary>The place of a target.</summary>
    public static StoreLocation Location(JobTarget target) => Location(target.Uri, target.Path, "target");

    /// <summary>Opens the store of a source at its <see cref="Root"/>.</summary>
    public IObjectStore Open(JobSource source) => stores.Open(Root(source));

    /// <summary>Opens the store of a target. Its masks are for others, too.</summary>
    public IObjectStore Open(JobTarget target) => stores.Open(Location(target), isPrivate: false);

    private void Check(JobSource source, string name, string? caller)
    {
        if (new object?[] { source.Uri, source.Path, source.Urls }.Count(place => place is not null) != 1)
        {
            throw Invalid($"{name}: expected exactly one of uri, path and urls.");
        }

        if (source.Glob is { } glob && (
            glob.Length is 0 or > LongestGlob || glob.Split("**").Length > MostDeepWildcards + 1 || glob.Split('/', '\\').Contains("..")))
        {
            throw Invalid(
                $"{name}.glob: expected 1 to {LongestGlob} characters, at most {MostDeepWildcards} times '**', and no '..', "
                + $"got '{ObjectKey.Printable(glob)}'. Use another pattern.");
        }

        if (source.Urls is null)
        {
            RequireListed(Location(source.Uri, source.Path, name), options.Value.Sources, caller, name, "Jobs:Sources");
            return;
        }

        if (source.Glob is not null)
        {
            throw Invalid($"{name}.glob: expected no glob beside urls.");
        }

        if (!fetcher.IsEnabled)
        {
            throw Invalid(
                $"{name}.urls: this server fetches no images by URL. The operator can list their hosts in Fetch:Hosts.");
        }

        if (source.Urls.FirstOrDefault(url => !Uri.IsWellFormedUriString(url, UriKind.Absolute)) is { } wrong)
        {
            throw Invalid($"{name}.urls: expected absolute URLs, got '{wrong}'.");
        }
    }

    private static StoreLocation Location(string? uri, string? path, string name)
    {
        if (uri is null == path is null)
        {
            throw Invalid($"{name}: expected exactly one of uri and path.");
        }

        if (uri is not null && !StoreLocation.IsS3(uri))
        {
            throw Invalid($"{name}.uri: expected s3://bucket/prefix/, got '{uri}'. A folder is a path.");
        }

        if (path is not null && (StoreLocation.IsS3(path) || !Path.IsPathFullyQualified(path)))
        {
            throw Invalid($"{name}.path: expected the full path of a folder or file, got '{path}'. A bucket is a uri.");
        }

        if (StoreLocation.TryParse(uri ?? path!, out StoreLocation? location, out string? problem))
        {
            return location;
        }

        throw Invalid($"{name}: {problem}");
    }

    // s3://bucket/masks/ allows s3://bucket/masks/2024/, not s3://bucket/masks-of-others/.
    private static void RequireListed(
        StoreLocation place, IList<string> listed, string? caller, string name, string option)
    {
        bool hasName = caller is not null && Name().IsMatch(caller);
        bool isAllowed = listed
            .Where(pattern => hasName || !pattern.Contains(OwnerMark, StringComparison.Ordinal))
            .Select(pattern => StoreLocation.Parse(pattern.Replace(OwnerMark, caller, StringComparison.Ordinal)))
            .Any(allowed => $"{place}/".StartsWith($"{allowed.ToString().TrimEnd('/')}/", StringComparison.Ordinal));
        if (!isAllowed)
        {
            throw Invalid($"{name}: the place '{place}' is not listed. The operator can list it in {option}.");
        }
    }

    private bool MayTell(string webhook) =>
        Uri.TryCreate(webhook, UriKind.Absolute, out Uri? url)
        && url.Scheme is "http" or "https"
        && url.UserInfo.Length == 0
        && _hosts.Any(host => host.Matches(url.IdnHost, url.Port, url.IsDefaultPort));

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);

    // A name from a token could be anything; as a part of a place it must be one name.
    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._@-]*\z")]
    private static partial Regex Name();
}

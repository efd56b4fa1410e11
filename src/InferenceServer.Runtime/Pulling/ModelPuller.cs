using System.Globalization;
using System.Text.RegularExpressions;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Pulling;

/// <summary>What one look at a place brought.</summary>
/// <param name="Models">The models, those that could not be pulled as they were before.</param>
/// <param name="Failures">Why models could not be pulled.</param>
/// <param name="Commit">The commit of all models; null where there is none.</param>
internal sealed record PullResult(IReadOnlyList<CachedModel> Models, IReadOnlyDictionary<string, string> Failures, string? Commit);

/// <summary>Looks at a place and pulls what changed into the cache.</summary>
/// <param name="remote">The place.</param>
/// <param name="cache">Where the files go.</param>
/// <param name="versions">How many versions of each model are pulled, the newest first.</param>
/// <param name="settle">How long files must not change before they are taken for a whole model.</param>
/// <param name="time">Measures the settling.</param>
internal sealed partial class ModelPuller(IRemoteModels remote, ModelCache cache, int versions, TimeSpan settle, TimeProvider time)
{
    private const int MostRounds = 5;
    private const int Connections = 4;
    private const string GraphSuffix = ".onnx";

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(10);

    private readonly Dictionary<string, Failure> _failures = [];
    private RemoteListing? _last;

    /// <summary>Looks once.</summary>
    /// <param name="known">The models of the look before.</param>
    /// <param name="cancellationToken">Cancels the pull; finished downloads are kept.</param>
    /// <exception cref="StorageException">The place cannot be listed.</exception>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    public async Task<PullResult> PullAsync(IReadOnlyList<CachedModel> known, CancellationToken cancellationToken)
    {
        RemoteListing listing = await ListAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<CachedModel> latest = known;
        for (int round = 1; ; round++)
        {
            SortedDictionary<string, IReadOnlyList<RemoteFile>> plan = Plan(listing);
            Dictionary<string, string> failures = [];
            List<CachedModel> models = [];
            bool changed = false;
            foreach ((string name, IReadOnlyList<RemoteFile> files) in plan)
            {
                CachedModel? now = latest.FirstOrDefault(model => model.Name == name);
                if (now?.Version != Version(files) || !TryBuild(now, failures))
                {
                    now = await TryPullAsync(listing, name, files, failures, cancellationToken).ConfigureAwait(false);
                    changed |= now is not null;
                    now ??= known.FirstOrDefault(model => model.Name == name);
                }

                if (now is not null)
                {
                    models.Add(now);
                }
            }

            if (!changed || listing.Commit is not null)
            {
                return Finish(models, known, failures, listing);
            }

            // Another look shows whether files changed meanwhile: models are never mixed from two looks.
            await Task.Delay(settle, time, cancellationToken).ConfigureAwait(false);
            RemoteListing again = await ListAsync(cancellationToken).ConfigureAwait(false);
            if (Same(plan, Plan(again)) || round == MostRounds)
            {
                string[] moving = [.. plan.Keys.Where(name => !Same(plan, Plan(again), name))];
                foreach (string name in moving)
                {
                    models.RemoveAll(model => model.Name == name);
                    models.AddRange(known.Where(model => model.Name == name));
                    failures[name] = $"{remote.Place.Text}: '{name}' changes all the time; it is pulled when it no longer does.";
                }

                return Finish(models, known, failures, listing);
            }

            (listing, latest) = (again, models);
        }
    }

    /// <summary>The files of each model: its manifest and its newest versions.</summary>
    private SortedDictionary<string, IReadOnlyList<RemoteFile>> Plan(RemoteListing listing)
    {
        SortedDictionary<string, IReadOnlyList<RemoteFile>> plan = new(StringComparer.Ordinal);
        if (IsOneModel(listing))
        {
            plan.Add(remote.Place.Name, Needed(listing.Files, ""));
            return plan;
        }

        foreach (IGrouping<string, RemoteFile> model in listing.Files.Where(file => file.Path.Contains('/')).GroupBy(First))
        {
            // A model that lacks its manifest or graph is pulled, too, and reports what is missing.
            string manifest = $"{model.Key}/{ManifestReader.FileName}";
            if (model.Any(file => file.Path == manifest || file.Path.EndsWith(GraphSuffix, StringComparison.Ordinal)))
            {
                plan.Add(model.Key, Needed(model, model.Key + "/"));
            }
        }

        return plan;
    }

    private IReadOnlyList<RemoteFile> Needed(IEnumerable<RemoteFile> files, string prefix)
    {
        ILookup<int, RemoteFile> byVersion = files.ToLookup(file => VersionOf(file.Path[prefix.Length..]));
        IEnumerable<RemoteFile> newest = byVersion
            .Where(version => version.Key > 0)
            .OrderByDescending(version => version.Key)
            .Take(versions)
            .SelectMany(version => version);
        IEnumerable<RemoteFile> manifest = byVersion[0].Where(file => file.Path == prefix + ManifestReader.FileName);
        return [.. manifest.Concat(newest).OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    // "007" is not a version, as in a folder of models.
    private static int VersionOf(string path)
    {
        string name = First(path);
        if (path.Length > name.Length
            && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int version)
            && version.ToString(CultureInfo.InvariantCulture) == name)
        {
            return version;
        }

        return 0;
    }

    private static bool IsOneModel(RemoteListing listing) => listing.Files.Any(file => file.Path == ManifestReader.FileName);

    private static string First(RemoteFile file) => First(file.Path);

    private static string First(string path) => path.Split('/', 2)[0];

    private static string Version(IEnumerable<RemoteFile> files) =>
        CachedModel.Hash(files.Select(file => string.Create(CultureInfo.InvariantCulture, $"{file.Path} {file.Length} {file.Version}")));

    private static bool Same(
        SortedDictionary<string, IReadOnlyList<RemoteFile>> one, SortedDictionary<string, IReadOnlyList<RemoteFile>> other) =>
        one.Keys.SequenceEqual(other.Keys) && one.Keys.All(name => Same(one, other, name));

    private static bool Same(
        SortedDictionary<string, IReadOnlyList<RemoteFile>> one, SortedDictionary<string, IReadOnlyList<RemoteFile>> other,
        string name) => other.TryGetValue(name, out IReadOnlyList<RemoteFile>? files) && Version(one[name]) == Version(files);

    private async Task<RemoteListing> ListAsync(CancellationToken cancellationToken) =>
        _last = await remote.ListAsync(_last, cancellationToken).ConfigureAwait(false);

    // One model that cannot be pulled harms no other, and is not downloaded again at every look.
    private async Task<CachedModel?> TryPullAsync(
        RemoteListing listing, string name, IReadOnlyList<RemoteFile> files, Dictionary<string, string> failures,
        CancellationToken cancellationToken)
    {
        string version = Version(files);
        TimeSpan pause = FirstPause;
        if (_failures.TryGetValue(name, out Failure? last) && last.Version == version)
        {
            if (time.GetUtcNow() < last.Next)
            {
                failures[name] = last.Reason;
                return null;
            }

            pause = last.Pause * 2;
            pause = pause < LongestPause ? pause : LongestPause;
        }

        try
        {
            CachedModel model = await PullAsync(listing, name, files, cancellationToken).ConfigureAwait(false);
            _failures.Remove(name);
            return model;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failures[name] = Explain(e);
            _failures[name] = new Failure(version, failures[name], time.GetUtcNow() + pause, pause);
            return null;
        }
    }

    private async Task<CachedModel> PullAsync(
        RemoteListing listing, string name, IReadOnlyList<RemoteFile> files, CancellationToken cancellationToken)
    {
        int prefix = IsOneModel(listing) ? 0 : name.Length + 1;
        CachedFile[] cached = new CachedFile[files.Count];
        ParallelOptions options = new() { MaxDegreeOfParallelism = Connections, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, files.Count, options, async (i, token) =>
        {
            CachedFile file = await cache.AddAsync(remote, listing, files[i], token).ConfigureAwait(false);
            cached[i] = file with { Path = file.Path[prefix..] };
        }).ConfigureAwait(false);
        return new CachedModel(name, Version(files), cached);
    }

    private bool TryBuild(CachedModel model, Dictionary<string, string> failures)
    {
        try
        {
            cache.Build(model);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failures[model.Name] = Explain(e);
            return false;
        }
    }

    private PullResult Finish(
        List<CachedModel> models, IReadOnlyList<CachedModel> known, Dictionary<string, string> failures, RemoteListing listing)
    {
        List<CachedModel> whole = [];
        foreach (CachedModel model in models)
        {
            whole.AddRange(TryBuild(model, failures) ? [model] : known.Where(before => before.Name == model.Name));
        }

        return new PullResult([.. whole.OrderBy(model => model.Name, StringComparer.Ordinal)], failures, listing.Commit);
    }

    private string Explain(Exception e)
    {
        if (e is StorageException or DamagedFileException)
        {
            return e.Message;
        }

        // Without the name of the temporary file: the same failure is the same message, which is logged once.
        string reason = FileName().Replace(e.Message, "").TrimEnd('.');
        return $"{cache.Root} (Models:Cache) cannot be written: {reason}. Free space there, or name another folder.";
    }

    [GeneratedRegex("( :)? '[^']*'")]
    private static partial Regex FileName();

    private sealed record Failure(string Version, string Reason, DateTimeOffset Next, TimeSpan Pause);
}

using InferenceServer.Runtime.Pulling;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>Models that are pulled from a store into a cache. While the store is away, the last models serve; at the
/// start, those of the cache.</summary>
/// <remarks>Used by one thread at a time, but for the properties.</remarks>
internal sealed class PulledModels(
    IRemoteModels remote, ModelCache cache, ModelPuller puller, TimeProvider time, ILogger<PulledModels> logger) : IModelSource
{
    private static readonly TimeSpan CleanInterval = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, string> _failed = []; // failures that were logged, by model
    private IReadOnlyList<CachedModel> _models = [];
    private IReadOnlyList<ModelFolder> _folders = [];
    private CacheIndex? _index;
    private DateTimeOffset _cleaned;
    private bool _started;
    private bool _isFinal;
    private volatile string? _problem;
    private volatile string? _away; // why the last look failed
    private long _looked;
    private long _failures;

    /// <summary>The source that <c>Models:Path</c> names.</summary>
    public static IModelSource CreateSource(IServiceProvider services)
    {
        ModelRepositoryOptions options = services.GetRequiredService<IOptions<ModelRepositoryOptions>>().Value;
        if (!ModelPlace.IsRemote(options.Path))
        {
            return new FolderSource(options.Path, string.IsNullOrEmpty(options.Name) ? null : options.Name);
        }

        TimeProvider time = services.GetRequiredService<TimeProvider>();
        IRemoteModels remote = RemotePlace.Open(options.Path, services.GetRequiredService<ObjectStores>());
        ModelCache cache = new(string.IsNullOrEmpty(options.Cache) ? ModelPlace.DefaultCache : options.Cache, time);
        int serving = VersionPolicy.Count(options.Versions);
        // One version more, which serves where the newest does not load.
        ModelPuller puller = new(remote, cache, Math.Max(serving, serving + 1), options.SettleTime, time);
        return new PulledModels(remote, cache, puller, time, services.GetRequiredService<ILogger<PulledModels>>());
    }

    public string Place => remote.Place.Text;

    public string? Watched => null;

    public string? Problem => _problem;

    public DateTimeOffset? Looked
    {
        get
        {
            long ticks = Volatile.Read(ref _looked);
            if (ticks == 0)
            {
                return null;
            }

            return new DateTimeOffset(ticks, TimeSpan.Zero);
        }
    }

    public long Failures => Volatile.Read(ref _failures);

    public IReadOnlyList<ModelFolder> List() => Volatile.Read(ref _folders);

    public void Update(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (!_started)
            {
                Restore();
                _started = true;
            }

            if (_isFinal)
            {
                Volatile.Write(ref _looked, time.GetUtcNow().UtcTicks); // a commit is never out of date
                Clean();
                return;
            }

            try
            {
                Look(cancellationToken);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Missed(e.Message);
            }

            Clean();
        }
    }

    private void Look(CancellationToken cancellationToken)
    {
        (long files, long bytes) = cache.Count.New;
        (long presentFiles, long presentBytes) = cache.Count.Present;
        PullResult result = puller.PullAsync(_models, cancellationToken).GetAwaiter().GetResult();
        DateTimeOffset now = time.GetUtcNow();
        Volatile.Write(ref _looked, now.UtcTicks);
        if (_away is not null)
        {
            Log.StoreBack(logger, Place);
            _away = null;
        }

        Complain(result.Failures);
        if (result.Models.Count == 0 && _models.Count > 0)
        {
            // As with a folder: a place without any model is more often a mistake than a wish.
            ReportEmpty();
            return;
        }

        if (!result.Models.SequenceEqual(_models))
        {
            Log.ModelsPulled(
                logger, Place, string.Join(", ", result.Models.Select(model => model.Name).DefaultIfEmpty("none")),
                cache.Count.New.Files - files, cache.Count.New.Bytes - bytes,
                cache.Count.Present.Files - presentFiles, cache.Count.Present.Bytes - presentBytes);
        }

        Use(result.Models);
        _problem = Reasons(result);
        _isFinal = remote.Place.IsCommit && result.Failures.Count == 0;
        _index = new CacheIndex(Place, now, result.Commit, result.Models);
        cache.WriteIndex(remote, _index);
    }

    // Starts with the models of the cache; a store that answers brings them up to date in the same look.
    private void Restore()
    {
        _index = cache.ReadIndex(remote);
        if (_index is null)
        {
            return;
        }

        List<CachedModel> whole = [];
        foreach (CachedModel model in _index.Models)
        {
            try
            {
                cache.Build(model);
                whole.Add(model);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.CacheDamaged(logger, model.Name, e.Message);
            }
        }

        Use(whole);
        Volatile.Write(ref _looked, _index.Looked.UtcTicks);
        _isFinal = remote.Place.IsCommit && _index.Commit == remote.Place.Revision && whole.Count == _index.Models.Count;
    }

    private void Use(IReadOnlyList<CachedModel> models)
    {
        _models = models;
        Volatile.Write(
            ref _folders,
            [
                .. models.Select(model => new ModelFolder(
                    cache.FolderOf(model), model.Files.ToDictionary(file => file.Path, file => file.Sha256))),
            ]);
    }

    private string? Reasons(PullResult result)
    {
        if (result.Failures.Count > 0)
        {
            return string.Join(' ', result.Failures.Values);
        }

        return result.Models.Count > 0 ? null : $"{Place} has no model.";
    }

    private void Missed(string reason)
    {
        Interlocked.Increment(ref _failures);
        if (_models.Count == 0)
        {
            _problem = $"{reason} The server tries again.";
        }

        if (_away is null)
        {
            string standing = "no model serves";
            if (_models.Count > 0 && Looked is { } looked)
            {
                TimeSpan age = time.GetUtcNow() - looked;
                standing = $"the models of {age.Days} days, {age.Hours} h and {age.Minutes} min ago keep serving";
            }

            Log.StoreAway(logger, standing, reason);
        }

        _away = reason;
    }

    private void ReportEmpty()
    {
        string reason = $"{Place} has no model any more; the last models keep serving.";
        if (_problem != reason)
        {
            Log.PlaceEmpty(logger, Place);
            _problem = reason;
        }
    }

    private void Complain(IReadOnlyDictionary<string, string> failures)
    {
        foreach ((string model, string reason) in failures)
        {
            if (_failed.GetValueOrDefault(model) != reason)
            {
                Log.ModelNotPulled(logger, model, reason);
            }
        }

        if (failures.Count > 0)
        {
            Interlocked.Increment(ref _failures);
        }

        _failed.Clear();
        foreach ((string model, string reason) in failures)
        {
            _failed.Add(model, reason);
        }
    }

    private void Clean()
    {
        DateTimeOffset now = time.GetUtcNow();
        if (now - _cleaned < CleanInterval)
        {
            return;
        }

        _cleaned = now;
        try
        {
            cache.Clean(_models);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.CacheNotCleaned(logger, cache.Root, e.Message);
        }
    }
}

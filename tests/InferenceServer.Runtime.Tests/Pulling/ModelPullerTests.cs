using System.Security.Cryptography;
using InferenceServer.Runtime.Pulling;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Runtime.Tests.Pulling;

/// <summary>What a pull brings into the cache, and what a fault leaves as it was.</summary>
public sealed class ModelPullerTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("pull-").FullName;
    private readonly FakePlace _place = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly ModelCache _cache;
    private ModelPuller _puller;

    public ModelPullerTests()
    {
        _cache = new ModelCache(_root, _time);
        _puller = Puller();
        _place.Put("road/model.json", "manifest 1");
        _place.Put("road/1/model.onnx", "graph 1");
        _place.Put("road/1/weights/a.bin", "weights 1");
    }

    [Fact]
    public async Task Pull_Model_IsAFolderWithItsFiles()
    {
        PullResult result = await PullAsync();

        CachedModel model = Assert.Single(result.Models);
        Assert.Empty(result.Failures);
        Assert.Equal("road", Path.GetFileName(_cache.FolderOf(model)));
        Assert.Equal(
            [("1/model.onnx", "graph 1"), ("1/weights/a.bin", "weights 1"), ("model.json", "manifest 1")], Files(model));
        // No links lead out of the folder, for ONNX Runtime refuses such weights.
        Assert.All(
            Directory.EnumerateFiles(_cache.FolderOf(model), "*", SearchOption.AllDirectories),
            file => Assert.Null(new FileInfo(file).LinkTarget));
    }

    [Fact]
    public async Task Pull_NothingNew_KeepsTheModelAndDownloadsNothing()
    {
        PullResult first = await PullAsync();
        _place.Opened.Clear();

        PullResult second = await PullAsync(first.Models);

        Assert.Same(first.Models[0], second.Models[0]);
        Assert.Empty(_place.Opened);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pull_NewManifest_DownloadsTheManifestAlone(bool restarted)
    {
        PullResult first = await PullAsync();
        _place.Opened.Clear();
        _place.Put("road/model.json", "manifest 2");
        ModelPuller puller = restarted ? new ModelPuller(_place, new ModelCache(_root, _time), 2, TimeSpan.Zero, _time) : _puller;

        PullResult second = await puller.PullAsync(restarted ? [] : first.Models, default);

        Assert.Equal(["road/model.json"], _place.Opened);
        Assert.Equal("manifest 2", Files(second.Models[0])[^1].Text);
        Assert.Equal("manifest 1", Files(first.Models[0])[^1].Text); // the old version goes on serving
    }

    [Fact]
    public async Task Pull_SameBytesInTwoModels_AreDownloadedOnce()
    {
        _place.Put("lane/model.json", "manifest 1");
        _place.Put("lane/1/model.onnx", "graph 1");

        PullResult result = await PullAsync();

        Assert.Equal(["lane", "road"], result.Models.Select(model => model.Name));
        Assert.Equal(3, _place.Opened.Count);
    }

    [Fact]
    public async Task Pull_SameBytesInOneModel_AreDownloadedOnce()
    {
        string[] files = [.. Enumerable.Range(0, 200).Select(i => $"1/weights/{i:000}.bin")];
        foreach (string file in files)
        {
            _place.Put("road/" + file, "weights 1");
        }

        PullResult result = await PullAsync();

        Assert.Empty(result.Failures);
        Assert.Equal(203, Files(result.Models[0]).Length);
        Assert.Equal(3, _place.Opened.Count);
    }

    [Fact]
    public async Task Pull_ManyVersions_PullsTheNewest()
    {
        foreach (string version in (string[])["2", "10", "9", "007", "notes", "0"])
        {
            _place.Put($"road/{version}/model.onnx", $"graph {version}");
        }

        PullResult result = await PullAsync();

        Assert.Equal(["10/model.onnx", "9/model.onnx", "model.json"], Files(result.Models[0]).Select(file => file.Path));
    }

    [Fact]
    public async Task Pull_FilesThatAreNoModel_AreLeft()
    {
        _place.Put("README.md", "read me");
        _place.Put("images/1/a.png", "image");
        _place.Put("graph.onnx", "stray");

        PullResult result = await PullAsync();

        Assert.Equal(["road"], result.Models.Select(model => model.Name));
        Assert.Equal(3, _place.Opened.Count);
    }

    [Fact]
    public async Task Pull_PlaceThatIsOneModel_HasThePlacesName()
    {
        FakePlace place = new("hf://acme/street");
        place.Put("model.json", "manifest");
        place.Put("1/model.onnx", "graph");
        place.Put("README.md", "read me");

        PullResult result = await new ModelPuller(place, _cache, 2, TimeSpan.Zero, _time).PullAsync([], default);

        CachedModel model = Assert.Single(result.Models);
        Assert.Equal("street", Path.GetFileName(_cache.FolderOf(model)));
        Assert.Equal([("1/model.onnx", "graph"), ("model.json", "manifest")], Files(model));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Pull_ObjectThatChangesMeanwhile_IsNeverMixed(bool hasHash)
    {
        _place.Hash = hasHash ? HashKind.Md5 : HashKind.None;
        bool changed = false;
        _place.Opening = path =>
        {
            if (path == "road/1/model.onnx" && !changed)
            {
                changed = true;
                _place.Put("road/model.json", "manifest 2");
                _place.Put("road/1/model.onnx", "graph 2");
                _place.Put("road/1/weights/a.bin", "weights 2");
            }
        };

        PullResult result = await PullAsync();
        for (int looks = 0; result.Models.Count == 0 && looks < 5; looks++)
        {
            _time.Advance(TimeSpan.FromMinutes(20));
            result = await PullAsync(result.Models);
        }

        Assert.Equal(
            [("1/model.onnx", "graph 2"), ("1/weights/a.bin", "weights 2"), ("model.json", "manifest 2")], Files(result.Models[0]));
    }

    [Fact]
    public async Task Pull_FilesUploadedOneByOne_ArePulledTogether()
    {
        PullResult first = await PullAsync();
        _place.Put("road/model.json", "manifest 2");
        bool changed = false;
        _place.Opening = _ =>
        {
            if (!changed)
            {
                changed = true;
                _place.Put("road/2/model.onnx", "graph 2"); // the upload goes on while the manifest is pulled
            }
        };

        PullResult second = await PullAsync(first.Models);

        Assert.Equal(
            ["1/model.onnx", "1/weights/a.bin", "2/model.onnx", "model.json"], Files(second.Models[0]).Select(file => file.Path));
    }

    [Fact]
    public async Task Pull_ModelThatNeverRests_KeepsTheOldOne()
    {
        PullResult first = await PullAsync();
        int writes = 0;
        _place.Put("road/model.json", "draft x");
        _place.Opening = _ => _place.Put("road/model.json", $"draft {writes++}");

        PullResult second = await PullAsync(first.Models);

        Assert.Same(first.Models[0], second.Models[0]);
        Assert.Contains("road", second.Failures.Keys);
    }

    [Theory]
    [InlineData(true, "arrived damaged")]
    [InlineData(false, "bytes, got")]
    public async Task Pull_DamagedOnTheWay_KeepsTheOldOneAndTriesLater(bool hasHash, string reason)
    {
        PullResult first = await PullAsync();
        _place.Put("road/2/model.onnx", "graph 2");
        _place.Hash = hasHash ? HashKind.Md5 : HashKind.None;
        int damages = 0;
        _place.Arrives = (path, bytes) => path != "road/2/model.onnx" ? bytes
            : hasHash ? [(byte)damages++, .. bytes[1..]]
            : bytes[1..];

        PullResult second = await PullAsync(first.Models);
        int downloads = _place.Opened.Count;
        PullResult third = await PullAsync(second.Models);

        Assert.Same(first.Models[0], second.Models[0]);
        Assert.Contains(reason, second.Failures["road"], StringComparison.Ordinal);
        Assert.Equal(second.Failures["road"], third.Failures["road"]);
        Assert.Equal(downloads, _place.Opened.Count); // not at every look

        _place.Arrives = (_, bytes) => bytes;
        _time.Advance(TimeSpan.FromMinutes(20));
        PullResult fourth = await PullAsync(third.Models);
        Assert.Empty(fourth.Failures);
        Assert.Contains(("2/model.onnx", "graph 2"), Files(fourth.Models[0]));
    }

    [Fact]
    public async Task Pull_CutShort_LeavesNoHalfModel()
    {
        using CancellationTokenSource stop = new();
        _place.Opening = path =>
        {
            if (path == "road/1/weights/a.bin")
            {
                stop.Cancel();
            }
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _puller.PullAsync([], stop.Token));

        Assert.False(Directory.Exists(Path.Combine(_root, "models")));
        Assert.Empty(Directory.GetFiles(Path.Combine(_root, "downloads")));
        _place.Opening = _ => { };
        Assert.Equal(3, Files((await PullAsync()).Models[0]).Length);
    }

    [Fact]
    public async Task Pull_OneModelFails_OthersArePulled()
    {
        _place.Put("lane/model.json", "manifest");
        _place.Arrives = (path, bytes) => path.StartsWith("road/1/", StringComparison.Ordinal) ? bytes[1..] : bytes;

        PullResult result = await PullAsync();

        Assert.Equal(["lane"], result.Models.Select(model => model.Name));
        Assert.Equal(["road"], result.Failures.Keys);
    }

    // An encrypted object has an ETag that looks like an MD5.
    [Fact]
    public async Task Pull_ETagThatIsNoHash_IsAccepted()
    {
        _place.VersionOf = (path, bytes) => Convert.ToHexStringLower(
            CryptographicOperations.HashData(HashAlgorithmName.MD5, [.. bytes, (byte)path.Length]));

        PullResult result = await PullAsync();

        Assert.Empty(result.Failures);
        Assert.Equal(3, Files(result.Models[0]).Length);
    }

    [Fact]
    public async Task Pull_ListingFails_Throws()
    {
        PullResult first = await PullAsync();
        _place.Away = "away";

        await Assert.ThrowsAsync<StorageException>(() => PullAsync(first.Models));
    }

    [Fact]
    public async Task Pull_ModelGone_IsGone()
    {
        _place.Put("lane/model.json", "manifest");
        PullResult first = await PullAsync();
        _place.Remove("road/");

        PullResult second = await PullAsync(first.Models);

        Assert.Equal(["lane"], second.Models.Select(model => model.Name));
        Assert.Empty(second.Failures);
    }

    [Fact]
    public async Task Pull_BlobDamagedOnTheDisk_IsFoundAndPulledAgain()
    {
        PullResult first = await PullAsync();
        string file = Path.Combine(_cache.FolderOf(first.Models[0]), "1", "model.onnx");
        File.WriteAllText(file, "GRAPH 1"); // the length is right
        ModelCache restarted = new(_root, _time);
        _puller = Puller(restarted);
        _place.Opened.Clear();

        PullResult second = await PullAsync(first.Models);

        Assert.Equal(["road/1/model.onnx"], _place.Opened);
        Assert.Equal("graph 1", File.ReadAllText(file));
        Assert.Equal(first.Models[0].Id, second.Models[0].Id);
    }

    [Fact]
    public async Task Pull_FolderDeletedFromTheCache_IsMadeAgainWithoutADownload()
    {
        PullResult first = await PullAsync();
        Directory.Delete(Path.Combine(_root, "models"), recursive: true);
        _place.Opened.Clear();

        PullResult second = await PullAsync(first.Models);

        Assert.Empty(_place.Opened);
        Assert.Equal(3, Files(second.Models[0]).Length);
    }

    [Fact]
    public async Task Pull_CacheThatCannotBeWritten_IsAFailureThatNamesIt()
    {
        string blobs = Path.Combine(_root, "blobs");
        File.WriteAllText(blobs, "no folder");

        PullResult result = await PullAsync();

        Assert.Empty(result.Models);
        Assert.StartsWith($"{_root} (Models:Cache) cannot be written: ", result.Failures["road"], StringComparison.Ordinal);
        Assert.DoesNotContain("writing-", result.Failures["road"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_TwoServersAtOnce_DownloadOnce()
    {
        ModelPuller other = Puller(new ModelCache(_root, _time));

        PullResult[] results = await Task.WhenAll(
            Task.Run(() => PullAsync()), Task.Run(() => other.PullAsync([], default)));

        Assert.Equal(3, _place.Opened.Count);
        Assert.Equal(results[0].Models[0].Id, results[1].Models[0].Id);
        Assert.All(results, result => Assert.Empty(result.Failures));
    }

    [Fact]
    public async Task Clean_RemovesWhatNoServerUsed()
    {
        PullResult first = await PullAsync();
        _place.Put("road/1/model.onnx", "graph 1b");
        PullResult second = await PullAsync(first.Models);
        _cache.Clean(second.Models);
        Assert.True(Directory.Exists(_cache.FolderOf(first.Models[0]))); // another server may use it

        _time.Advance(ModelCache.Unused + TimeSpan.FromDays(1));
        _cache.Clean(second.Models);

        Assert.False(Directory.Exists(_cache.FolderOf(first.Models[0])));
        Assert.Equal(3, Files(second.Models[0]).Length);
        Assert.Equal(
            second.Models[0].Files.Select(file => file.Sha256).Order(),
            Directory.EnumerateFiles(Path.Combine(_root, "blobs")).Select(file => Path.GetFileName(file)).Order());
        Assert.Equal(3, Directory.GetFiles(Path.Combine(_root, "names")).Length);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_root, recursive: true);

    private ModelPuller Puller(ModelCache? cache = null) => new(_place, cache ?? _cache, 2, TimeSpan.Zero, _time);

    private Task<PullResult> PullAsync(IReadOnlyList<CachedModel>? known = null) => _puller.PullAsync(known ?? [], default);

    private (string Path, string Text)[] Files(CachedModel model)
    {
        string folder = _cache.FolderOf(model);
        return
        [
            .. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Select(file => (Path.GetRelativePath(folder, file).Replace('\\', '/'), File.ReadAllText(file)))
                .OrderBy(file => file.Item1, StringComparer.Ordinal),
        ];
    }
}

using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Pulling;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Runtime.Tests.Pulling;

/// <summary>What a server does with what a place has, and without the place.</summary>
public sealed class PulledModelsTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("pulled-").FullName;
    private readonly FakePlace _place = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly Messages _log = new();

    public PulledModelsTests()
    {
        _place.Put("road/model.json", "manifest 1");
        _place.Put("road/1/model.onnx", "graph 1");
    }

    [Fact]
    public void Update_NothingNew_KeepsTheStamps()
    {
        PulledModels source = Started();
        string before = Assert.Single(source.List()).Stamp();

        _time.Advance(TimeSpan.FromHours(2)); // the cache was cleaned meanwhile
        source.Update(default);

        Assert.Equal(before, Assert.Single(source.List()).Stamp());
        Assert.Equal(before, Assert.Single(Started().List()).Stamp());
        Assert.Single(_log.Texts, text => text.StartsWith("Pulled from", StringComparison.Ordinal));
    }

    [Fact]
    public void Update_NewVersion_KeepsTheStampOfTheOldVersion()
    {
        PulledModels source = Started();
        ModelFolder before = source.List()[0];
        _place.Put("road/2/model.onnx", "graph 2");

        source.Update(default);

        ModelFolder after = source.List()[0];
        Assert.NotEqual(before.Stamp(), after.Stamp());
        Assert.Equal(before.Stamp(1), after.Stamp(1));
        Assert.Equal([2, 1], after.Versions);
        Assert.Equal([1], before.Versions);
    }

    [Fact]
    public void Update_StoreAway_KeepsTheModelsAndSaysSoOnce()
    {
        PulledModels source = Started();
        _place.Away = "s3://models/prod: cannot be reached.";
        _time.Advance(TimeSpan.FromMinutes(65));

        source.Update(default);
        source.Update(default);

        Assert.Single(source.List());
        Assert.Null(source.Problem);
        Assert.Equal(2, source.Failures);
        Assert.Equal(TimeSpan.FromMinutes(65), _time.GetUtcNow() - source.Looked);
        string text = Assert.Single(_log.Texts, text => text.Contains("cannot be reached", StringComparison.Ordinal));
        Assert.Contains("the models of 0 days, 1 h and 5 min ago keep serving", text, StringComparison.Ordinal);

        _place.Away = null;
        source.Update(default);
        source.Update(default);
        Assert.Equal(_time.GetUtcNow(), source.Looked);
        Assert.Single(_log.Texts, text => text.Contains("there again", StringComparison.Ordinal));
    }

    [Fact]
    public void Update_StoreAwayAtTheStart_ServesFromTheCache()
    {
        Started();
        _place.Away = "s3://models/prod: cannot be reached.";
        _time.Advance(TimeSpan.FromDays(2));

        PulledModels source = Started();

        Assert.Equal(["road"], source.List().Select(folder => folder.Name));
        Assert.True(File.Exists(source.List()[0].GraphFile(1)));
        Assert.Null(source.Problem);
        Assert.Contains(_log.Texts, text => text.Contains("the models of 2 days, 0 h and 0 min ago", StringComparison.Ordinal));
    }

    [Fact]
    public void Update_NeitherStoreNorCache_IsAProblemUntilTheStoreIsThere()
    {
        _place.Away = "s3://models/prod: cannot be reached.";

        PulledModels source = Started();

        Assert.Empty(source.List());
        Assert.Equal("s3://models/prod: cannot be reached. The server tries again.", source.Problem);
        Assert.Null(source.Looked);

        _place.Away = null;
        source.Update(default);
        Assert.Single(source.List());
        Assert.Null(source.Problem);
    }

    [Fact]
    public void Update_DamagedCacheAndNoStore_LeavesTheDamagedModelOut()
    {
        _place.Put("lane/model.json", "manifest");
        _place.Put("lane/1/model.onnx", "graph 2");
        File.WriteAllText(Started().List().Single(folder => folder.Name == "road").GraphFile(1), "GRAPH 1");
        _place.Away = "away";

        PulledModels source = Started();

        Assert.Equal(["lane"], source.List().Select(folder => folder.Name));
        Assert.Contains(_log.Texts, text => text.Contains("road/1/model.onnx", StringComparison.Ordinal));

        _place.Away = null;
        source.Update(default);
        Assert.Equal(["lane", "road"], source.List().Select(folder => folder.Name));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"Place\": \"s3://models/prod\", ")]
    [InlineData("null")]
    public void Update_DamagedIndex_PullsAgain(string text)
    {
        Started();
        File.WriteAllText(Directory.GetFiles(Path.Combine(_root, "places")).Single(), text);

        Assert.Single(Started().List());
    }

    [Fact]
    public void Update_ModelRemoved_IsNoLongerListed()
    {
        _place.Put("lane/model.json", "manifest");
        PulledModels source = Started();
        _place.Remove("road/");

        source.Update(default);

        Assert.Equal(["lane"], source.List().Select(folder => folder.Name));
    }

    [Fact]
    public void Update_EmptyPlace_KeepsTheLastModels()
    {
        PulledModels source = Started();
        _place.Remove("");

        source.Update(default);
        source.Update(default);

        Assert.Single(source.List());
        Assert.Single(_log.Texts, text => text.Contains("has no model any more", StringComparison.Ordinal));
    }

    [Fact]
    public void Update_EmptyPlaceAtTheStart_IsAProblem()
    {
        _place.Remove("");

        Assert.Equal("s3://models/prod has no model.", Started().Problem);
    }

    [Fact]
    public void Update_ModelThatCannotBePulled_IsLoggedOnceAndShown()
    {
        _place.Arrives = (path, bytes) => path == "road/1/model.onnx" ? bytes[1..] : bytes;

        PulledModels source = Started();
        source.Update(default);

        Assert.Contains("expected 7 bytes, got 6", source.Problem, StringComparison.Ordinal);
        Assert.Single(_log.Texts, text => text.StartsWith("Model road cannot be pulled", StringComparison.Ordinal));
        Assert.Equal(2, source.Failures);
    }

    [Fact]
    public void Update_Commit_IsNeverLookedAtAgain()
    {
        string commit = new('a', 40);
        FakePlace place = new("hf://acme/street@" + commit) { Commit = commit };
        place.Put("model.json", "manifest");
        place.Put("1/model.onnx", "graph");

        PulledModels source = Started(place);
        source.Update(default);
        Assert.Equal(1, place.Looks);

        place.Away = "away";
        Assert.Single(Started(place).List()); // nor after a restart
        Assert.Equal(1, place.Looks);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_root, recursive: true);

    private PulledModels Started(FakePlace? place = null)
    {
        ModelCache cache = new(_root, _time);
        PulledModels source = new(
            place ?? _place, cache, new ModelPuller(place ?? _place, cache, 2, TimeSpan.Zero, _time), _time, _log);
        source.Update(default);
        return source;
    }

    private sealed class Messages : ILogger<PulledModels>
    {
        public List<string> Texts { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Texts.Add(formatter(state, exception));
    }
}

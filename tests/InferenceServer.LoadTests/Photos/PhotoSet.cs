using InferenceServer.Kernels;

namespace InferenceServer.LoadTests.Photos;

/// <summary>Images and how often each is sent, in a fixed order that every contender sees alike.</summary>
internal sealed class PhotoSet
{
    private readonly Photo[] _order;

    private PhotoSet(string name, PhotoMaker maker, params (int Width, int Height, int Weight)[] sizes)
    {
        Name = name;
        Photos = [.. sizes.Select(s => maker.Make(new ImageSize(s.Width, s.Height)))];
        _order = [.. sizes.SelectMany((s, i) => Enumerable.Repeat(Photos[i], s.Weight))];
        new Random(1).Shuffle(_order);
    }

    public string Name { get; }

    /// <summary>One of each size.</summary>
    public IReadOnlyList<Photo> Photos { get; }

    /// <summary>One size, which the network takes as it is.</summary>
    public static PhotoSet Plain(PhotoMaker maker) => new("480x360", maker, (480, 360, 1));

    /// <summary>What a site gets: thumbnails, video frames, screens.</summary>
    public static PhotoSet Mixed(PhotoMaker maker) =>
        new("mixed", maker, (320, 240, 4), (480, 360, 6), (640, 480, 5), (1280, 720, 3), (1920, 1080, 2));

    /// <summary>Mixed, and now and then a telephone's whole picture: what makes a server's memory grow.</summary>
    public static PhotoSet Wide(PhotoMaker maker) =>
        new(
            "wide", maker, (320, 320, 10), (480, 360, 10), (640, 480, 8), (1280, 720, 5), (1080, 1920, 3),
            (2048, 1536, 2), (4000, 3000, 1));

    public static PhotoSet Named(string name, PhotoMaker maker) => name switch
    {
        "480x360" => Plain(maker),
        "mixed" => Mixed(maker),
        "wide" => Wide(maker),
        _ => throw new ArgumentException($"There is no set of photographs named '{name}'; take 480x360, mixed or wide.", nameof(name)),
    };

    /// <summary>The image of the request with this number.</summary>
    public Photo At(long request) => _order[request % _order.Length];
}

using System.Diagnostics.CodeAnalysis;

namespace InferenceServer.Kernels.Coloring;

/// <summary>The classes and colours of the data sets on which most published models were trained.</summary>
public static class ClassSets
{
    /// <summary>
    /// PASCAL VOC: 21 classes, the background first. The palette has 256 colours, so that void, 255, is drawn E0E0C0.
    /// </summary>
    public static ClassSet Voc { get; } = new(
        "voc",
        "PASCAL VOC",
        """
        background, aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse,
        motorbike, person, pottedplant, sheep, sofa, train, tvmonitor
        """,
        Palette.Voc(256));

    /// <summary>
    /// Cityscapes: 19 classes by trainId, without a background. Submissions need the ids of
    /// <see cref="ClassSet.SubmitIds"/>.
    /// </summary>
    public static ClassSet Cityscapes { get; } = new(
        "cityscapes",
        "Cityscapes",
        """
        road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person,
        rider, car, truck, bus, train, motorcycle, bicycle
        """,
        Palette.FromHex("""
        804080 F423E8 464646 66669C BE9999 999999 FAAA1E DCDC00 6B8E23 98FB98 4682B4 DC143C FF0000 00008E 000046
        003C64 005064 0000E6 770B20
        """),
        [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]);

    /// <summary>
    /// CamVid: 11 classes in the order and colours of SegNet. In CamVid's own table pavement is 0000C0.
    /// </summary>
    public static ClassSet CamVid { get; } = new(
        "camvid",
        "CamVid",
        """
        sky, building, pole, road, pavement, tree, sign symbol, fence, car, pedestrian, bicyclist
        """,
        Palette.FromHex("""
        808080 800000 C0C080 804080 3C28DE 808000 C08080 404080 400080 404000 0080C0
        """));

    /// <summary>
    /// ADE20K: 150 classes; a label is the id of the ground truth less 1. Road and skyscraper have the same colour, so
    /// that colours do not identify labels.
    /// </summary>
    public static ClassSet Ade20K { get; } = new(
        "ade20k",
        "ADE20K",
        """
        wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth,
        door, table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug,
        field, armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column,
        signboard, chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path,
        stairs, runway, case, pool table, pillow, screen door, stairway, river, bridge, bookcase, blind,
        coffee table, toilet, flower, book, hill, bench, countertop, stove, palm, kitchen island, computer,
        swivel chair, boat, bar, arcade machine, hovel, bus, towel, light, truck, tower, chandelier, awning,
        streetlight, booth, television receiver, airplane, dirt track, apparel, pole, land, bannister, escalator,
        ottoman, bottle, buffet, poster, stage, van, ship, fountain, conveyer belt, canopy, washer, plaything,
        swimming pool, stool, barrel, basket, waterfall, tent, bag, minibike, cradle, oven, ball, food, step, tank,
        trade name, microwave, pot, animal, bicycle, lake, dishwasher, screen, blanket, sculpture, hood, sconce,
        vase, traffic light, tray, ashcan, fan, pier, crt screen, plate, monitor, bulletin board, shower, radiator,
        glass, clock, flag
        """,
        Palette.FromHex("""
        787878 B47878 06E6E6 503232 04C803 787850 8C8C8C CC05FF E6E6E6 04FA07 E005FF EBFF07 96053D 787846 08FF33
        FF0652 8FFF8C CCFF04 FF3307 CC4603 0066C8 3DE6FA FF0633 0B66FF FF0747 FF09E0 0907E6 DCDCDC FF095C 7009FF
        08FFD6 07FFE0 FFB806 0AFF47 FF290A 07FFFF E0FF08 6608FF FF3D06 FFC207 FF7A08 00FF14 FF0829 FF0599 0633FF
        EB0CFF A09614 00A3FF 8C8C8C FA0A0F 14FF00 1FFF00 FF1F00 FFE000 99FF00 0000FF FF4700 00EBFF 00ADFF 1F00FF
        0BC8C8 FF5200 00FFF5 003DFF 00FF70 00FF85 FF0000 FFA300 FF6600 C2FF00 008FFF 33FF00 0052FF 00FF29 00FFAD
        0A00FF ADFF00 00FF99 FF5C00 FF00FF FF00F5 FF0066 FFAD00 FF0014 FFB8B8 001FFF 00FF3D 0047FF FF00CC 00FFC2
        00FF52 000AFF 0070FF 3300FF 00C2FF 007AFF 00FFA3 FF9900 00FF0A FF7000 8FFF00 5200FF A3FF00 FFEB00 08B8AA
        8500FF 00FF5C B800FF FF001F 00B8FF 00D6FF FF0070 5CFF00 00E0FF 70E0FF 46B8A0 A300FF 9900FF 47FF00 FF00A3
        FFCC00 FF008F 00FFEB 85FF00 FF00EB F500FF FF007A FFF500 0ABED4 D6FF00 00CCFF 1400FF FFFF00 0099FF 0029FF
        00FFCC 2900FF 29FF00 AD00FF 00F5FF 4700FF 7A00FF 00FFB8 005CFF B8FF00 0085FF FFD600 19C2C2 66FF00 5C00FF
        """));

    /// <summary>All sets.</summary>
    public static IReadOnlyList<ClassSet> All { get; } = [Voc, Cityscapes, CamVid, Ade20K];

    /// <summary>Finds a set by its id.</summary>
    /// <param name="id">voc, cityscapes, camvid or ade20k; upper and lower case are equal.</param>
    /// <param name="set">The set, or null.</param>
    /// <returns>Whether there is a set of this id.</returns>
    public static bool TryGet(string id, [NotNullWhen(true)] out ClassSet? set)
    {
        set = All.FirstOrDefault(candidate => candidate.Id.Equals(id, StringComparison.OrdinalIgnoreCase));
        return set is not null;
    }
}

/// <summary>The classes of a data set, with their colours and the ids for submissions.</summary>
public sealed class ClassSet
{
    internal ClassSet(string id, string title, string names, Palette palette, byte[]? submitIds = null)
    {
        Id = id;
        Title = title;
        Names = names.Split(',', StringSplitOptions.TrimEntries);
        Palette = palette;
        SubmitIds = submitIds;
    }

    /// <summary>The id, for <see cref="ClassSets.TryGet"/>: lower case, without spaces.</summary>
    public string Id { get; }

    /// <summary>The name of the data set, for display.</summary>
    public string Title { get; }

    /// <summary>Class names by label. Void is not among them.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>
    /// Colours by label, at least one for each class. Labels beyond its end, such as void, are drawn black.
    /// </summary>
    public Palette Palette { get; }

    /// <summary>
    /// For each label the id to submit to the data set's server; null if labels are submitted as they are.
    /// </summary>
    public IReadOnlyList<byte>? SubmitIds { get; }
}

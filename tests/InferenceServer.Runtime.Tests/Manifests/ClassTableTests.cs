using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Tests.Manifests;

public class ClassTableTests
{
    [Theory]
    [InlineData("voc", 21, 15, "person", "#c08080")]
    [InlineData("cityscapes", 19, 0, "road", "#804080")]
    [InlineData("camvid", 11, 4, "pavement", "#3c28de")]
    [InlineData("ade20k", 150, 149, "flag", "#5c00ff")]
    public void Create_BuiltInDataset_GivesNamesAndColours(string dataset, int count, int index, string name, string color)
    {
        ClassesManifest classes = new() { Dataset = dataset };
        Assert.Empty(ClassTable.Validate(classes));

        ClassTable table = ClassTable.Create(classes);

        Assert.Equal(count, table.Names.Count);
        Assert.Equal(name, table.Names[index]);
        Assert.Equal(color, table.Color(index));
        Assert.Equal(256, table.Palette.Count);
    }

    [Fact]
    public void Create_OwnNamesAndColours_TakesThem()
    {
        ClassTable table = ClassTable.Create(new ClassesManifest { Names = ["a", "b"], Palette = ["#010203", "#FfFe00"], Ignore = 7 });
        Assert.Equal(["a", "b"], table.Names);
        Assert.Equal("#010203", table.Color(0));
        Assert.Equal("#fffe00", table.Color(1));
        Assert.Equal("#000000", table.Color(200));
        Assert.Equal(7, table.Ignore);
    }

    [Fact]
    public void Validate_VocPaletteForAnyNumberOfClasses_IsFine() =>
        Assert.Empty(ClassTable.Validate(
            new ClassesManifest { Names = [.. Enumerable.Range(0, 182).Select(i => $"c{i}")], Palette = ["voc"] }));

    [Fact]
    public void Validate_PaletteWithFewerColoursThanClasses_SaysSo() =>
        Assert.Contains("'camvid' has 11 colours", Assert.Single(ClassTable.Validate(
            new ClassesManifest
            {
                Names = [.. Enumerable.Range(0, 12).Select(i => $"c{i}")],
                Palette = ["camvid"],
            })), StringComparison.Ordinal);
}

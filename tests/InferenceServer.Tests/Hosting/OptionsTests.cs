using InferenceServer.Hosting;
using InferenceServer.Runtime;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests.Hosting;

/// <summary>A bad value stops the start-up with a message that names its key.</summary>
public sealed class OptionsTests
{
    [Theory]
    [InlineData("Decoding:MaxPixels", "0")]
    [InlineData("Decoding:MaxPixels", "1000000000")] // more RGB bytes than an array holds
    [InlineData("Decoding:MaxBytes", "-1")]
    [InlineData("Decoding:MaxBytes", "2147483648")] // more than an array holds
    [InlineData("Scheduling:Instances", "-1")]
    [InlineData("Scheduling:CpuSlots", "-1")]
    [InlineData("Scheduling:MaxBytesInFlight", "0")]
    [InlineData("Scheduling:MaxPixelsInFlight", "0")]
    [InlineData("Scheduling:BackgroundShare", "1.5")]
    [InlineData("Scheduling:OverloadInterval", "00:00:00")]
    [InlineData("Scheduling:MaxTimeout", "00:00:00")]
    [InlineData("Scheduling:MaxTimeout", "00:00:10")] // less than the usual one
    [InlineData("Batching:MaxBatchSize", "-1")]
    [InlineData("Batching:MaxBatchPixels", "0")]
    [InlineData("Batching:BucketMultiple", "0")]
    [InlineData("Batching:MaxQueueDelay", "00:00:02")]
    [InlineData("Scheduling:MaxRequests", "0")]
    [InlineData("Onnx:IntraOpThreads", "-2")]
    [InlineData("Onnx:GpuDevice", "-1")]
    [InlineData("Onnx:GpuDevices:0", "-1")]
    [InlineData("Onnx:GpuMemoryLimit", "-1")]
    [InlineData("Models:Path", "")]
    [InlineData("Models:Versions", "some")]
    [InlineData("Models:Versions", "0")]
    [InlineData("Models:PollInterval", "00:00:00")]
    [InlineData("Models:SettleTime", "01:00:00")]
    public void Validate_ValueOutOfRange_NamesTheKey(string key, string value)
    {
        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => Validate((key, value)));

        Assert.Contains(key.Replace(":0", "", StringComparison.Ordinal), failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Decoding:MaxPixels", "many")]
    [InlineData("Onnx:Provider", "Abacus")]
    public void Validate_ValueThatCannotBeRead_NamesTheKey(string key, string value) =>
        Assert.Contains(key, Assert.Throws<InvalidOperationException>(() => Validate((key, value))).Message, StringComparison.Ordinal);

    // The binder would leave out what it cannot read of a list.
    [Fact]
    public void Validate_ElementThatCannotBeRead_NamesTheKey() =>
        Assert.Contains(
            "Onnx:GpuDevices:0",
            StartUp.Reason(Assert.Throws<InvalidOperationException>(() => Validate(("Onnx:GpuDevices:0", "first")))),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("Models:Folder")]
    [InlineData("Decoding:MaxPixel")]
    [InlineData("Scheduling:MaxRequest")]
    [InlineData("Batching:BatchSize")]
    [InlineData("Onnx:Threads")]
    [InlineData("Inference:Scales")]
    [InlineData("Crf:Iterations")]
    public void Validate_NoSuchOption_NamesTheKeyAndThoseOfItsSection(string key)
    {
        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => Validate((key, "8")));

        Assert.StartsWith($"{key}: there is no such option; {key.Split(':')[0]} has ", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_GpuRequiredAndForbidden_NamesBothKeys()
    {
        string message = Assert.Throws<OptionsValidationException>(() =>
            Validate(("Onnx:RequireGpu", "true"), ("Onnx:Provider", "Cpu"))).Message;

        Assert.Contains("Onnx:RequireGpu", message, StringComparison.Ordinal);
        Assert.Contains("Onnx:Provider", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_Defaults_Pass() => Validate();

    // What the host does first of all; StartUpTests show that it does.
    private static void Validate(params (string Key, string Value)[] settings)
    {
        IConfiguration configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value)))
            .Build();
        using ServiceProvider services = new ServiceCollection().AddSegmentation(configuration).BuildServiceProvider();
        services.GetRequiredService<IStartupValidator>().Validate();
    }
}

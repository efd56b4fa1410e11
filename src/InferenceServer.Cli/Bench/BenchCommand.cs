using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using InferenceServer.Cli.Hosting;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Bench;

/// <summary><c>bench</c>: measures a full request against the network alone.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string?> image = new("--image")
        {
            Description = "The image to segment. Default: a synthetic image; a TIFF of 16 bits for a model of bands.", HelpName = "FILE",
        };
        Option<ImageSize> size = new("--size")
        {
            Description = "Size of the synthetic image.",
            HelpName = "WIDTHxHEIGHT",
            DefaultValueFactory = _ => new ImageSize(480, 360),
            CustomParser = ParseSize,
        };
        Option<int> runs = NumberOption.Create(
            "--runs",
            "Measured pairs: one run of the network alone, one full request.", usual: 100, least: 1, most: 1_000_000);
        Option<int> warmup = NumberOption.Create(
            "--warmup", "Pairs that run before the measured pairs.", usual: 10, least: 0, most: 1_000_000);
        Option<string?> json = new("--json") { Description = "Write all numbers to a file.", HelpName = "FILE" };
        Command command = new(
            "bench", "Measure full requests, from encoded image to mask, against the network alone, alternating in one process.")
        {
            model, image, size, runs, warmup, json,
        };
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        command.SetAction((parsed, ct) => BenchAsync(
            parsed, runtime, parsed.GetRequiredValue(model), parsed.GetValue(image), parsed.GetValue(size),
            parsed.GetValue(runs), parsed.GetValue(warmup), parsed.GetValue(json), ct));
        return command;
    }

    private static async Task BenchAsync(
        ParseResult parsed, RuntimeOptions runtime, string model, string? image, ImageSize size, int runs, int warmup,
        string? json, CancellationToken cancellationToken)
    {
        using ServiceProvider services = runtime.Build(parsed, static options => options.Models.WarmUp = true);
        LoadedModel loaded = services.GetRequiredService<ModelRepository>().Load(model, cancellationToken);
        string description = image ?? "";
        byte[] encoded;
        if (image is null)
        {
            (encoded, description) = SyntheticImage.For(loaded, size);
        }
        else
        {
            encoded = await File.ReadAllBytesAsync(image, cancellationToken).ConfigureAwait(false);
        }

        using RequestBenchmark benchmark = await RequestBenchmark.CreateAsync(
            services.GetRequiredService<Segmenter>(), loaded, encoded, cancellationToken).ConfigureAwait(false);
        Terminal terminal = Terminal.For(parsed);
        BenchReport report = await benchmark.RunAsync(terminal, warmup, runs, cancellationToken)
            .ConfigureAwait(false) with
        {
            Image = description,
        };
        BenchTables.Write(report, terminal.Out);
        if (json is not null)
        {
            byte[] numbers = JsonSerializer.SerializeToUtf8Bytes(report, BenchJson.Default.BenchReport);
            await File.WriteAllBytesAsync(json, numbers, cancellationToken).ConfigureAwait(false);
        }
    }

    private static ImageSize ParseSize(ArgumentResult argument)
    {
        string text = argument.Tokens[0].Value;
        if (text.Split('x') is [var width, var height] && int.TryParse(width, out int columns) && int.TryParse(height, out int rows)
            && columns is > 0 and <= SyntheticImage.MaxSide && rows is > 0 and <= SyntheticImage.MaxSide)
        {
            return new ImageSize(columns, rows);
        }

        argument.AddError(
            $"--size: expected WIDTHxHEIGHT, such as 480x360, with sides up to {SyntheticImage.MaxSide}, got "
            + $"'{text}'.");
        return default;
    }
}

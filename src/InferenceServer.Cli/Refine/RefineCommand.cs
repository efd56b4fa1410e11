using System.CommandLine;
using DenseCrf;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Refinement;
using Microsoft.Extensions.Options;

namespace InferenceServer.Cli.Refine;

/// <summary><c>refine</c>: refines the probabilities of any tool with the CRF.</summary>
internal static class RefineCommand
{
    public static Command Create()
    {
        Option<string> image = new("--image")
        {
            Description = "The image that guides the edges.", HelpName = "IMAGE", Required = true,
        };
        Option<string> probabilities = new("--probabilities")
        {
            Description =
                "Probabilities of the classes: a NumPy array, float32 [classes, height, width], at the image's size. "
                + "One plane is the foreground of two classes.",
            HelpName = "P.npy",
            Required = true,
        };
        Option<bool> energies = new("--energies")
        {
            Description = "The array has energies in nats (−ln p) instead of probabilities.",
        };
        Option<string> output = new("--out")
        {
            Description = "The file for the refined probabilities, float32 [classes, height, width].",
            HelpName = "Q.npy",
            Required = true,
        };
        Option<string?> labels = new("--labels")
        {
            Description = "The file for the most likely classes, as indexed PNG.", HelpName = "L.png",
        };
        Option<string?> kernels = new("--kernels")
        {
            Description =
                "A JSON file with kernels of any form. Default: "
                + "Gaussian 3/1 and bilateral 4/67/3, DeepLab v2's for Pascal VOC, or the kernels of these options.",
            HelpName = "K.json",
        };
        Option<int> threads = NumberOption.Create(
            "--threads",
            "Threads; 0 is all processors of the process.", usual: 0, least: 0, most: CrfInference.MaxThreads);
        Command command = new(
            "refine", "Sharpen the probabilities of any tool along an image's edges, with a fully connected CRF.")
        {
            image, probabilities, energies, output, labels, kernels, threads,
        };
        ParameterOptions options = ParameterOptions.AddCrfTo(command);
        command.SetAction((parsed, ct) =>
        {
            RefineFiles files = new(
                parsed.GetRequiredValue(image), parsed.GetRequiredValue(probabilities), parsed.GetValue(energies),
                parsed.GetRequiredValue(output), parsed.GetValue(labels));
            CrfParameters parameters = Parameters(
                options.Read(parsed).Crf, parsed.GetValue(kernels), parsed.GetValue(threads));
            return ArrayRefiner.RunAsync(files, parameters, Terminal.For(parsed), ct);
        });
        return command;
    }

    private static CrfParameters Parameters(CrfOverrides wanted, string? kernels, int threads)
    {
        if (kernels is not null && (wanted with { Iterations = null, Quality = null }) != new CrfOverrides())
        {
            throw new UsageException(
                "--kernels: expected no options of the two default kernels beside this option, which replaces them. "
                + "Leave out one of the two.");
        }

        // The limit on iterations protects a server, and is wider here.
        using CrfRefiner limits = new(Options.Create(new CrfOptions { MaxIterations = CrfInference.MaxIterations }));
        CrfSettings settings = limits.Resolve(null, wanted);
        return new CrfParameters
        {
            Kernels = kernels is null ? settings.Kernels() : KernelFile.Read(kernels),
            Iterations = settings.Iterations,
            Threads = threads > 0 ? threads : Math.Min(Environment.ProcessorCount, CrfInference.MaxThreads),
            Quality = settings.Quality,
        };
    }
}

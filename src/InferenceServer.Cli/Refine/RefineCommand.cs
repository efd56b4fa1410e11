using System.CommandLine;
using DenseCrf;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Refinement;
using Microsoft.Extensions.Options;

namespace InferenceServer.Cli.Refine;

/// <summary><c>refine</c>: the CRF on what any other tool predicted.</summary>
internal static class RefineCommand
{
    public static Command Create()
    {
        Option<string> image = new("--image") { Description = "The image that guides the edges.", HelpName = "IMAGE", Required = true };
        Option<string> probabilities = new("--probabilities")
        {
            Description = "Probabilities of the classes: a NumPy array, float32 [classes, height, width], at the image's size.",
            HelpName = "P.npy",
            Required = true,
        };
        Option<bool> energies = new("--energies") { Description = "The array holds energies in nats (−ln p), taken as they are." };
        Option<string> output = new("--out") { Description = "Gets the refined probabilities, float32 [classes, height, width].", HelpName = "Q.npy", Required = true };
        Option<string?> labels = new("--labels") { Description = "Gets the likeliest classes, as indexed PNG.", HelpName = "L.png" };
        Option<string?> kernels = new("--kernels")
        {
            Description = "Kernels of any form, as JSON, instead of the two below. Without it: Gaussian 3/1 and bilateral 4/67/3, DeepLab v2's for Pascal VOC.",
            HelpName = "K.json",
        };
        Option<int> threads = NumberOption.Create("--threads", "Threads; 0 takes as many as the process may use.", usual: 0, least: 0, most: CrfInference.MaxThreads);
        Command command = new("refine", "Sharpen probabilities that any tool predicted along an image's edges, with a fully connected CRF.")
        {
            image, probabilities, energies, output, labels, kernels, threads,
        };
        ParameterOptions options = ParameterOptions.AddCrfTo(command);
        command.SetAction((parsed, ct) =>
        {
            RefineFiles files = new(
                parsed.GetRequiredValue(image), parsed.GetRequiredValue(probabilities), parsed.GetValue(energies), parsed.GetRequiredValue(output), parsed.GetValue(labels));
            CrfParameters parameters = Parameters(options.Read(parsed).Crf, parsed.GetValue(kernels), parsed.GetValue(threads));
            return ArrayRefiner.RunAsync(files, parameters, Terminal.For(parsed), ct);
        });
        return command;
    }

    private static CrfParameters Parameters(CrfOverrides wanted, string? kernels, int threads)
    {
        if (kernels is not null && (wanted with { Iterations = null, Quality = null }) != new CrfOverrides())
        {
            throw new UsageException("--kernels replaces the options of the two usual kernels; give either.");
        }

        // The limits that protect a server are wider here: who runs this pays for it.
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

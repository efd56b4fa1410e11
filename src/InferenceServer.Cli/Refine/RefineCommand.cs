using System.CommandLine;
using DenseCrf;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime;

namespace InferenceServer.Cli.Refine;

/// <summary><c>refine</c>: refines the probabilities of any tool with the CRF.</summary>
internal static class RefineCommand
{
    private const int Retries = 10;

    public static Command Create()
    {
        Option<string> image = new("--image")
        {
            Description = "The image that guides the edges.", HelpName = "IMAGE", Required = true,
        };
        Option<string?> probabilities = new("--probabilities")
        {
            Description =
                "Probabilities of the classes: a NumPy array, float32 or float16 [classes, height, width], at the image's size. "
                + "One plane is the foreground of two classes.",
            HelpName = "P.npy",
        };
        Option<string?> labelMap = new("--label-map")
        {
            Description = "Class indices in place of probabilities: a grey or indexed PNG at the image's size; 255 is void.",
            HelpName = "M.png",
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
        ServerOptions server = new("A server that refines, instead of this process.");
        Command command = new(
            "refine", "Sharpen the probabilities of any tool along an image's edges, with a fully connected CRF.")
        {
            image, probabilities, labelMap, output, labels, kernels, threads, server.Url, server.Key,
        };
        ParameterOptions options = ParameterOptions.AddScoresTo(command);
        command.Validators.Add(parsed =>
        {
            if (parsed.GetValue(probabilities) is null == parsed.GetValue(labelMap) is null)
            {
                parsed.AddError("--probabilities, --label-map: expected one of them. Give the file that you have.");
            }
        });
        command.SetAction(async (parsed, ct) =>
        {
            RefineFiles files = new(
                parsed.GetRequiredValue(image), parsed.GetValue(probabilities), parsed.GetValue(labelMap), parsed.GetValue(kernels),
                parsed.GetRequiredValue(output), parsed.GetValue(labels));
            SegmentSettings settings = options.Read(parsed);
            Check(files, settings);
            if (!server.IsGiven(parsed))
            {
                await ArrayRefiner.RunHereAsync(files, settings, parsed.GetValue(threads), Terminal.For(parsed), ct).ConfigureAwait(false);
                return;
            }

            using InferenceClient client = server.Connect(parsed, Retries);
            await ArrayRefiner.RunOnServerAsync(files, options.Texts(parsed), client, Terminal.For(parsed), ct).ConfigureAwait(false);
        });
        return command;
    }

    private static void Check(RefineFiles files, SegmentSettings settings)
    {
        if (files.LabelMap is not null && settings.Given.AreEnergies)
        {
            throw new UsageException("--energies: expected with --probabilities only. Leave it out.");
        }

        if (files.Kernels is not null && settings.Crf.HasKernels)
        {
            throw new UsageException(
                "--kernels: expected no options of the two default kernels beside this option, which replaces them. "
                + "Leave out one of the two.");
        }
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using DenseCrf;

// Width, height, number of labels, and three files: image, probabilities, and the labels to write. The files hold nothing but numbers, as
// NumPy's tofile writes them:
//   numpy.asarray(PIL.Image.open("street.jpg").convert("RGB")).tofile("street.rgb")
//   probabilities.astype("float32").tofile("street.p")
//   dotnet run --project samples/DenseCrf -- 500 375 21 street.rgb street.p street.labels
//   numpy.fromfile("street.labels", "uint8").reshape(375, 500)
int width = Number(0), height = Number(1), labels = Number(2);
byte[] rgb = File.ReadAllBytes(args[3]);
float[] probabilities = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(args[4])).ToArray();

// rgb: the image, height × width × 3 bytes. probabilities: labels × height × width, as a softmax returns them.
CrfInput input = CrfInput.FromProbabilities(probabilities, rgb, width, height, labels);
CrfParameters parameters = new()
{
    Kernels = [CrfKernel.Gaussian(weight: 3, xy: 3), CrfKernel.Bilateral(weight: 10, xy: 80, rgb: 13)],
    Iterations = 10,
    Threads = 2,
};
using CrfWorkspace workspace = new(maxBytes: 1L << 30);   // keep it for the next image: only the first call allocates
byte[] labelMap = new byte[width * height];
CrfInference.Label(input, parameters, workspace, labelMap);

File.WriteAllBytes(args[5], labelMap);

int Number(int argument) => int.Parse(args[argument], CultureInfo.InvariantCulture);

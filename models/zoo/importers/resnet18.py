"""The ResNet-18 that Microsoft trained on ImageNet with CNTK (MIT), as a run that other runs start from:

    python3 -m importers.resnet18 --out runs/imagenet-resnet18

Fetches the NuGet package that holds it, with the .NET SDK, and proves that the features of our definition equal those that OpenCV computes from the
file. The network was trained on 224×224 in BGR, 0 to 255, less a mean image: its mean in the channels' order, 103, 116 and 123, is ImageNet's blue,
green and red, and only at 0 to 255 has what its convolutions see of photographs the variances that its batch normalisations remember. The weights
that are written take what the zoo's data sets give: RGB, 0 to 1, less ImageNet's mean, divided by its deviation.
"""
import argparse
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from onnx import numpy_helper

from data_sets.camvid import MEAN, STD
from street.resnet18 import ResNet18

PACKAGE = "Microsoft.ML.DnnImageFeaturizer.ResNet18"
VERSION = "0.23.1"
MEAN_BGR = np.float32([103.06, 115.90, 123.15])
WIDTHS, BLOCKS = (64, 128, 256, 512), (2, 2, 2, 3)
SIDE = 224


def fetch():
    """The graph's bytes. The package's files stay out of the repository."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dotnet", "package", "download", f"{PACKAGE}@{VERSION}", "--output", folder], check=True)
        file, = Path(folder).rglob("ResNet18.onnx")
        return file.read_bytes()


def read(graph):
    """Our definition with the file's weights. They stand in the order in which both compute: each block's shortcut before its convolutions."""
    values = {value.name: torch.from_numpy(numpy_helper.to_array(value).astype(np.float32)) for value in graph.initializer}
    nodes = [node for node in graph.node if node.op_type in ("Conv", "BatchNormalization")]
    network = ResNet18(WIDTHS, blocks=BLOCKS, stem=7).eval()
    layers = [network.stem[0]]
    for block in (block for i in range(len(WIDTHS)) for block in getattr(network, f"stage{i + 1}")):
        layers += [block.shortcut] if len(list(block.shortcut.children())) else []
        layers += [block.conv1, block.conv2]
    assert len(nodes) == 2 * len(layers)
    for layer, convolution, norm in zip(layers, nodes[::2], nodes[1::2]):
        layer[0].load_state_dict({"weight": values[convolution.input[1]]})
        names = ("weight", "bias", "running_mean", "running_var")
        layer[1].load_state_dict({name: values[key] for name, key in zip(names, norm.input[1:])}, strict=False)
    return network


@torch.no_grad()
def largest_difference(network, graph, images):
    """Between the 512 features of our definition and those that OpenCV computes; images: N×3×224×224, BGR, 0 to 255, less the mean."""
    judge = cv2.dnn.readNetFromONNX(np.frombuffer(graph, np.uint8))
    judge.setInput(images)
    expected = judge.forward()[..., 0, 0]
    features = network(torch.from_numpy(images))[-1].mean((2, 3)).numpy()
    assert features.shape == expected.shape and expected.std() > 0.1
    return float(np.abs(features - expected).max())


@torch.no_grad()
def take_normalised_rgb(network):
    """Makes BGR, 0 to 255, less MEAN_BGR, of the zoo's normalised RGB. The rest of a grey level between the two means goes into the first batch
    normalisation; at the image's border, where padding is the mean, it is left out."""
    convolution, norm, _ = network.stem[0]
    rgb = convolution.weight.flip(1)
    rest = torch.from_numpy(255 * MEAN - MEAN_BGR[::-1])
    norm.running_mean -= (rgb.sum((2, 3)) * rest).sum(1)
    convolution.weight.copy_(rgb * torch.from_numpy(255 * STD)[:, None, None])
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    out = Path(parser.parse_args().out)
    data = fetch()
    network = read(onnx.load_model_from_string(data).graph)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8)).astype(np.float32)
    images = np.stack([cv2.resize(image.transpose(1, 2, 0), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for image in pixels])
    images = np.ascontiguousarray((images - MEAN_BGR).transpose(0, 3, 1, 2))
    difference = largest_difference(network, data, images)
    print(f"largest difference of the 512 features: {difference:.1e}")
    if difference > 1e-3:
        raise SystemExit("The definition is not the file's network.")
    weights = {"backbone." + key: value for key, value in take_normalised_rgb(network).state_dict().items()}
    out.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": weights}, out / "final.pt")


if __name__ == "__main__":
    main()

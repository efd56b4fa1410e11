#!/usr/bin/python3
"""Makes tests/assets/zoo: every system of models/zoo, narrow, with random weights; and what PyTorch answers to two images.

    /usr/bin/python3 tests/assets/make_zoo.py [SYSTEM ...]      (torch 1.13, onnx 1.12, Pillow)

For each: model.json, 1/model.onnx, and for each image the network's output for the padded image (n×h×w, float32 or uint8, gzipped; of outputs at the
image's size every third row and column, which meets every phase of a stride) and the labels at the image's own size (PNG). The same seed gives
the same weights; other versions of torch may round otherwise in the last digits.
"""
import gzip
import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from PIL import Image
from torch.nn import functional as F

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT.parent.parent / "models" / "zoo"))

import manifest  # noqa: E402 — found by the line above
import systems  # noqa: E402
from graphs import half, tracing  # noqa: E402
from preprocessing import FAMILIES, padded  # noqa: E402
from randomise import randomise  # noqa: E402

SEED, CLASSES = 20261, 4
TARGET = ROOT / "zoo"
PALETTE = bytes.fromhex("000000 800000 008000 808000")
# The export size, and an odd one that no graph was traced at.
SIZES = {"export": (97, 129), "odd": (163, 201)}

# name: system, backbone, outputs, options. Between them: every definition, every way to end a graph. A name in -fp16 says the graph's precision.
CASES = {
    "fcn32s": ("fcn32s", "vgg16", "logits", {"width": 1 / 32}),
    "fcn16s": ("fcn16s", "vgg16", "logits", {"width": 1 / 32}),
    "fcn8s": ("fcn8s", "vgg16", "logits", {"width": 1 / 32}),
    "fcn8s-p1": ("fcn8s", "vgg16-p1", "logits", {"width": 1 / 32}),
    "fcn8s-resnet34": ("fcn8s", "resnet34", "labels", {"width": 1 / 16}),
    "fcn-dilated": ("fcn", "resnet50", "stride", {"width": 1 / 16}),
    "deeplabv1-largefov": ("deeplabv1-largefov", "vgg16", "stride", {"width": 1 / 16}),
    "deeplabv1-msc": ("deeplabv1-msc", "vgg16", "logits", {"width": 1 / 16}),
    "deeplabv2-vgg16": ("deeplabv2", "vgg16", "stride", {"width": 1 / 16}),
    "deeplabv2": ("deeplabv2", "resnet50", "stride", {"width": 1 / 16}),
    "deeplabv2-msc": ("deeplabv2-msc", "resnet50", "stride", {"width": 1 / 16}),
    "deeplabv3": ("deeplabv3", "resnet50", "stride", {"width": 1 / 16}),
    "deeplabv3-multigrid": ("deeplabv3", "resnet50", "stride", {"width": 1 / 16, "paper_head": True, "output_stride": 8}),
    "deeplabv3-mobilenetv2": ("deeplabv3", "mobilenetv2-vainf", "stride", {"width": 1 / 8}),
    "deeplabv3-xception65": ("deeplabv3", "xception65", "stride", {"width": 1 / 16}),
    "deeplabv3plus": ("deeplabv3plus", "resnet50", "stride", {"width": 1 / 16}),
    "deeplabv3plus-logits": ("deeplabv3plus", "resnet50", "logits", {"width": 1 / 16}),
    "deeplabv3plus-fp16": ("deeplabv3plus", "resnet50", "stride", {"width": 1 / 16}),
    "deeplabv3plus-mobilenetv2": ("deeplabv3plus", "mobilenetv2", "labels", {"width": 1 / 8}),
    "deeplabv3plus-xception65": ("deeplabv3plus", "xception65", "stride", {"width": 1 / 16}),
    "refinenet": ("refinenet", "resnet50", "stride", {"width": 1 / 32}),
    "unet": ("unet", "transposed", "logits", {"width": 1 / 16}),
    "unet-bilinear": ("unet", "bilinear", "logits", {"width": 1 / 16}),
    "unet-original": ("unet", "original", "logits", {"width": 1 / 16}),
    "pspnet": ("pspnet", "resnet50", "stride", {"width": 1 / 16}),
    "hrnetv2": ("hrnetv2", "w18", "stride", {"width": 4 / 18, "modules": (1, 2, 1)}),
    "hrnetv2-corners": ("hrnetv2", "w18", "stride", {"width": 4 / 18, "modules": (1, 1, 1), "align_corners": True}),
    "segnet": ("segnet", "vgg16", "logits", {"width": 1 / 16}),
    "segnet-basic": ("segnet", "basic", "logits", {"width": 1 / 16}),
    "dsrl": ("dsrl", "resnet50", "logits", {"width": 1 / 16}),
    "hanet": ("hanet", "resnet50", "stride", {"width": 1 / 16}),
    "spnet": ("spnet", "resnet50", "stride", {"width": 1 / 16}),
    "cpnet": ("cpnet", "resnet50", "stride", {"width": 1 / 16, "size": (96, 128)}),
}


def photo(height, width):
    """A photograph of the size: the rendered street that the other tests have."""
    return np.asarray(Image.open(ROOT / "street.jpg").convert("RGB").resize((width, height), Image.BICUBIC))


@torch.no_grad()
def answers(network, outputs, rgb):
    """What the graph gives, and the labels of the photograph."""
    x = padded(rgb, {**FAMILIES[network.preprocess], "size": network.size})
    graph = tracing.Head(network, outputs)(x)
    logits = network.upsampled(x)
    if network.output_scale > 1:
        logits = F.interpolate(logits, size=x.shape[-2:], mode="bilinear", align_corners=network.align_corners)
    return graph[0].numpy(), logits[0, :, :rgb.shape[0], :rgb.shape[1]].argmax(0).numpy().astype(np.uint8)


def save(array, file):
    with gzip.GzipFile(file, "wb", mtime=0) as stream:
        stream.write(np.ascontiguousarray(array).tobytes())


def make(name, system, backbone, outputs, options, photos):
    network = systems.create(system, backbone, CLASSES, **options)
    images = {"export": photo(*network.fixed)} if network.fixed else photos
    fit = padded(images["export"], {**FAMILIES[network.preprocess], "size": network.size})
    randomise(network, SEED, torch.cat([fit, fit.flip(3), fit.flip(2), fit.flip(2, 3) * 0.5]))
    folder = TARGET / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "1").mkdir(parents=True, exist_ok=True)
    file = folder / "1" / "model.onnx"
    graph = tracing.export(network, outputs, file, SIZES["export"])
    if name.endswith("-fp16"):
        onnx.save(half.to_half(graph), str(file))
    part, count = manifest.classes(str(CLASSES))
    source = {"project": "InferenceServer model zoo", "checkpoint": f"random, seed {SEED}", "licence": "MIT", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    text = manifest.create(network, system, backbone, outputs, part, count, source, SIZES["export"])
    (folder / "model.json").write_text(json.dumps({**text, "name": name}, indent=2) + "\n")
    for size, rgb in images.items():
        Image.fromarray(rgb).save(TARGET / f"{rgb.shape[1]}x{rgb.shape[0]}.png")
        graph, labels = answers(network, outputs, rgb)
        step = 3 if outputs != "stride" else 1
        save(graph[:, ::step, ::step], folder / f"{rgb.shape[1]}x{rgb.shape[0]}-{'x'.join(map(str, graph.shape))}-{step}.gz")
        mask = Image.fromarray(labels, mode="P")  # indexed, so that Pillow filters no rows
        mask.putpalette(PALETTE)
        mask.save(folder / f"{rgb.shape[1]}x{rgb.shape[0]}.png", bits=8)
        shares = np.bincount(labels.ravel(), minlength=CLASSES) / labels.size
        print(f"{name:26} {size:6} {file.stat().st_size / 1e6:5.2f} MB  {graph.dtype} {graph.shape}  ±{np.abs(graph.astype(float)).max():.3g}  labels {np.round(shares, 2)}", flush=True)


def main():
    torch.set_num_threads(1)
    photos = {name: photo(*size) for name, size in SIZES.items()}
    for name in sys.argv[1:] or CASES:
        make(name, *CASES[name], photos)
    print(f"{sum(f.stat().st_size for f in TARGET.rglob('*') if f.is_file()) / 1e6:.1f} MB in all")


main()

"""The plain PyTorch pipeline, as the judge of the server: labels of a trained model for given images, as indexed PNGs of 8 bits.

    python3 reference.py final.pt --out ../../tests/assets/parity/NAME IMAGE...

Pillow decodes and resizes as the manifest says (OpenCV reads bands), PyTorch normalises, runs and upsamples (align_corners=False) to the image's own size.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data_sets import IGNORE, landcover
from train import data_set, load, upsampled_logits

CAMVID = bytes.fromhex("808080 800000 C0C080 804080 3C28DE 808000 C08080 404080 400080 404000 0080C0")


def resized(image, side):
    """The image with its short side of so many pixels, the long side truncated."""
    width, height = image.size
    size = (side, side * height // width) if width <= height else (side * width // height, side)
    return image if size == image.size else image.resize(size, Image.BILINEAR)


def read(path, preprocess):
    """An image as the network's normalisation takes it (H×W×C), its own size as [height, width], and where it has no data."""
    if preprocess["color"] == "bands":
        image = landcover.read(path)
        return image, image.shape[:2], (image == 0).all(-1)
    image = Image.open(path).convert({"RGB": "RGB", "gray": "L"}[preprocess["color"]])
    pixels = np.asarray(resized(image, preprocess["resize"]["size"]) if preprocess["resize"]["mode"] == "short_side" else image, np.float32)
    return pixels.reshape(*pixels.shape[:2], -1), image.size[::-1], np.zeros(image.size[::-1], bool)


@torch.no_grad()
def labels(model, data, path):
    pixels, size, missing = read(path, data.MANIFEST["preprocess"])
    result = upsampled_logits(model, data.normalise(pixels[None] / np.float32(data.WHITE)), size)[0].argmax(0).numpy().astype(np.uint8)
    result[missing] = IGNORE
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights"), parser.add_argument("--out", required=True), parser.add_argument("images", nargs="+")
    arguments = parser.parse_args()
    model, config = load(arguments.weights)
    data = data_set(config)
    palette = data.MANIFEST["classes"]["palette"]
    Path(arguments.out).mkdir(parents=True, exist_ok=True)
    for path in map(Path, arguments.images):
        mask = Image.fromarray(labels(model, data, path), mode="P")
        mask.putpalette(CAMVID if palette == "camvid" else bytes.fromhex("".join(palette).replace("#", "")))
        mask.save(Path(arguments.out, path.stem + ".png"), bits=8)


if __name__ == "__main__":
    main()

"""The plain PyTorch pipeline, as the judge of the server: labels of a trained model for given images, as indexed PNGs of 8 bits.

    python3 reference.py final.pt --out ../../tests/assets/parity/NAME IMAGE...

Pillow decodes and resizes (short side 360, bilinear), PyTorch normalises, runs and upsamples (align_corners=False) to the image's own size.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import camvid
from train import build, upsampled_logits

SHORT_SIDE = 360
PALETTE = bytes.fromhex("808080 800000 C0C080 804080 3C28DE 808000 C08080 404080 400080 404000 0080C0")


def resized(image):
    width, height = image.size
    size = (SHORT_SIDE, SHORT_SIDE * height // width) if width <= height else (SHORT_SIDE * width // height, SHORT_SIDE)
    return image if size == image.size else image.resize(size, Image.BILINEAR)


@torch.no_grad()
def labels(model, image):
    pixels = camvid.normalise(np.asarray(resized(image), np.float32)[None] / 255)
    return upsampled_logits(model, pixels, image.size[::-1])[0].argmax(0).numpy().astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights"), parser.add_argument("--out", required=True), parser.add_argument("images", nargs="+")
    arguments = parser.parse_args()
    state = torch.load(arguments.weights, map_location="cpu")
    model = build(state["config"]).eval()
    model.load_state_dict(state["state_dict"])
    Path(arguments.out).mkdir(parents=True, exist_ok=True)
    for path in map(Path, arguments.images):
        result = labels(model, Image.open(path).convert("RGB"))
        mask = Image.fromarray(result, mode="P")
        mask.putpalette(PALETTE)
        mask.save(Path(arguments.out, path.stem + ".png"), bits=8)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Draws cells.png, a picture like a slice of tissue under the electron microscope: gray cells, dark membranes between them. Needs Pillow and numpy."""
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

WIDTH, HEIGHT, CELLS, SEED = 331, 251, 34, 20268


def smooth(rng, radius):
    """Noise of mean 0 and deviation 1 without detail below a radius."""
    picture = Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    values = np.asarray(picture, float)
    return (values - values.mean()) / values.std()


def main():
    rng = np.random.default_rng(SEED)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + np.stack([4 * smooth(rng, 9), 4 * smooth(rng, 9)])
    sites = rng.uniform(0, 1, (CELLS, 2)) * [HEIGHT, WIDTH]
    nearest = np.sort([np.hypot(y - sy, x - sx) for sy, sx in sites], 0)
    membrane = nearest[1] - nearest[0] < 5 + smooth(rng, 12)
    gray = np.where(membrane, 70, 150 + 9 * smooth(rng, 3)) + 8 * smooth(rng, 1) + 6 * smooth(rng, 20)
    for cy, cx in rng.uniform(0, 1, (60, 2)) * [HEIGHT, WIDTH]:  # vesicles
        gray[np.abs(np.hypot(y - cy, x - cx) - 2.5) < 0.8] -= 35
    picture = Image.fromarray(np.clip(gray, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    picture.save(Path(__file__).with_name("cells.png"), optimize=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes tests/assets/backgrounds: images to lay behind a cutout, and each as it covers an image of 48×32 pixels (NAME.covered.png).

    python3 make_backgrounds.py backgrounds

Needs NumPy and Pillow, which crops and resizes (bicubic).
"""
import os
import sys

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 48, 32
SIZES = {"wide": (101, 40), "tall": (31, 80), "large": (120, 80), "same": (48, 32), "tiny": (5, 3), "line": (90, 1), "turned": (40, 97)}


def nearest(numerator, denominator):
    """The quotient, rounded half up."""
    return (2 * numerator // denominator + 1) // 2


def covered(image):
    width = max(min(nearest(image.height * WIDTH, HEIGHT), image.width), 1)
    height = max(min(nearest(image.width * HEIGHT, WIDTH), image.height), 1)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height)).resize((WIDTH, HEIGHT), Image.BICUBIC)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, (width, height) in SIZES.items():
        y, x = np.mgrid[:height, :width]
        pixels = np.stack([x * 255 // width, y * 255 // height, (x // 3 + y // 2) % 2 * 200], axis=2)
        image = Image.fromarray(pixels.astype(np.uint8))
        path = os.path.join(folder, name)
        if name == "turned":
            exif = Image.Exif()
            exif[274] = 6  # turned clockwise for display
            image.save(path + ".png", exif=exif)
            image = image.transpose(Image.ROTATE_270)
        else:
            image.save(path + ".png")
        covered(image).save(path + ".covered.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

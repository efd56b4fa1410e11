"""Writes resize/: sources and what Pillow and OpenCV make of them, as gzipped raw RGB (HWC, uint8).

Run with a Python that has Pillow 9.4, OpenCV 4.6 and NumPy: /usr/bin/python3 make_resize_goldens.py
"""
import gzip
import pathlib

import cv2
import numpy as np
from PIL import Image

OUT = pathlib.Path(__file__).parent / "resize"
PILLOW = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
OPENCV = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
CASES = [  # (source width, height), (destination width, height)
    ((97, 61), (111, 67)),   # slightly up
    ((97, 61), (29, 18)),    # down by 0.3
    ((97, 61), (33, 77)),    # down and up at once
    ((97, 61), (97, 40)),    # width unchanged: no horizontal pass
    ((97, 61), (50, 61)),    # height unchanged: no vertical pass
    ((97, 61), (97, 61)),    # nothing to do
    ((97, 61), (1, 1)),
    ((64, 40), (32, 20)),    # exactly half: OpenCV turns INTER_LINEAR into INTER_AREA
    ((64, 40), (32, 40)),    # half on one axis only: it does not
    ((40, 24), (80, 48)),    # exactly double
    ((5, 3), (64, 1)),
    ((1, 1), (7, 5)),
    ((2, 1), (9, 3)),
]


def source(width, height):
    """Gradients, hard stripes that overshoot under a cubic kernel, and noise."""
    rng = np.random.default_rng(width * 1000 + height)
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * 7 + y * 13) % 256], axis=-1)
    image[(x // 5 + y // 4) % 3 == 0] = 255
    image[(x // 3 + y // 7) % 5 == 0] = 0
    noise = rng.integers(-90, 91, image.shape) * ((x > width // 2)[..., None])
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def write(name, pixels):
    data = gzip.compress(np.ascontiguousarray(pixels).tobytes(), 9, mtime=0)
    (OUT / f"{name}.rgb.gz").write_bytes(data)


OUT.mkdir(exist_ok=True)
for size in sorted({case[0] for case in CASES}):
    write(f"source-{size[0]}x{size[1]}", source(*size))
for size, target in CASES:
    image = source(*size)
    for name, interpolation in PILLOW.items():
        result = np.asarray(Image.fromarray(image).resize(target, interpolation))
        write(f"pillow-{name}-{size[0]}x{size[1]}-{target[0]}x{target[1]}", result)
    for name, interpolation in OPENCV.items():
        result = cv2.resize(image, target, interpolation=interpolation)
        write(f"opencv-{name}-{size[0]}x{size[1]}-{target[0]}x{target[1]}", result)

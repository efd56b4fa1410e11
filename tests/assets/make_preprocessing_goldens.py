"""Writes preprocessing/: a 97×61 RGB image, and the inputs that Pillow and NumPy make of it for networks of 33×77 (width × height): CHW, float32.

gray: Image.convert("L"), then resize, as users of torchvision do. image-max: what rembg does for U²-Net, for RGB and for gray.

Run with a Python that has Pillow 9.4 and NumPy: /usr/bin/python3 make_preprocessing_goldens.py
"""
import gzip
import pathlib

import numpy as np
from PIL import Image

OUT = pathlib.Path(__file__).parent / "preprocessing"
SIZE = (33, 77)
MEAN, STD = [.485, .456, .406], [.229, .224, .225]


def source():
    """Gradients and noise; no value reaches 255."""
    y, x = np.mgrid[0:61, 0:97]
    noise = np.random.default_rng(61).integers(0, 60, (61, 97, 3))
    return (np.stack([x * 150 // 96, y * 120 // 60, (x + y) * 90 // 156], axis=-1) + noise).astype(np.uint8)


def write(name, values):
    (OUT / f"{name}.gz").write_bytes(gzip.compress(np.ascontiguousarray(values).tobytes(), 9, mtime=0))


def planes(values, mean, std):
    values = values if values.ndim == 3 else values[..., None]
    return ((values - mean) / std).transpose(2, 0, 1).astype("<f4")


def by_maximum(image):
    values = np.array(image)
    return values / max(np.max(values), 1e-6)


OUT.mkdir(exist_ok=True)
write("source-97x61", source())
image = Image.fromarray(source())
gray = image.convert("L")
for name, filter in ("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC), ("nearest", Image.Resampling.NEAREST):
    write(f"gray-{name}", planes(np.array(gray.resize(SIZE, filter)) / 255, [.449], [.226]))
    write(f"image-max-{name}", planes(by_maximum(image.resize(SIZE, filter)), MEAN, STD))
    write(f"gray-image-max-{name}", planes(by_maximum(gray.resize(SIZE, filter)), [.449], [.226]))
write("gray-whole", planes(np.array(gray) / 255, [.449], [.226]))
write("image-max-whole", planes(by_maximum(image), MEAN, STD))
write("gray-image-max-whole", planes(by_maximum(gray), [.449], [.226]))

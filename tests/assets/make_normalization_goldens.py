"""Writes normalization/: one 37×5 RGB image and its five normalisations (CHW, float32), from NumPy in double precision.

Run: /usr/bin/python3 make_normalization_goldens.py
"""
import gzip
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent / "normalization"
FAMILIES = {  # order, scale, mean, std
    "caffe": ("bgr", 1, [104.007, 116.669, 122.679], [1, 1, 1]),
    "imagenet": ("rgb", 1 / 255, [.485, .456, .406], [.229, .224, .225]),
    "imagenet255": ("rgb", 1, [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
    "tensorflow": ("rgb", 1, [127.5] * 3, [127.5] * 3),
    "unit": ("rgb", 1 / 255, [0, 0, 0], [1, 1, 1]),
}
OUT.mkdir(exist_ok=True)
image = np.random.default_rng(5).integers(0, 256, (5, 37, 3), dtype=np.uint8)
(OUT / "source-37x5.gz").write_bytes(gzip.compress(image.tobytes(), 9, mtime=0))
for name, (order, scale, mean, std) in FAMILIES.items():
    ordered = image[..., ::-1] if order == "bgr" else image
    planes = ((ordered.astype(np.float64) * scale - mean) / std).transpose(2, 0, 1).astype("<f4")
    (OUT / f"{name}.gz").write_bytes(gzip.compress(np.ascontiguousarray(planes).tobytes(), 9, mtime=0))

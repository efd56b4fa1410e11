#!/usr/bin/python3
"""make_plane_goldens.py: resize/planes.json, what Pillow (mode F) and OpenCV (float32) make of a plane of floats."""
import json
import os
import cv2
import numpy as np
from PIL import Image

SIZES = [((13, 9), (7, 5)), ((13, 9), (26, 18)), ((13, 9), (20, 4)), ((14, 10), (7, 5)), ((13, 9), (5, 9)), ((13, 9), (13, 3)), ((3, 2), (9, 7))]
FILTERS = {"Nearest": (Image.NEAREST, cv2.INTER_NEAREST), "Bilinear": (Image.BILINEAR, cv2.INTER_LINEAR), "Bicubic": (Image.BICUBIC, cv2.INTER_CUBIC)}
rng = np.random.default_rng(15)
cases = []
for (width, height), size in SIZES:
    plane = rng.normal(3000, 2500, (height, width)).astype(np.float32)
    for name, (pillow, opencv) in FILTERS.items():
        for antialias in (False, True):
            resized = np.asarray(Image.fromarray(plane, "F").resize(size, pillow)) if antialias else cv2.resize(plane, size, interpolation=opencv)
            cases.append({
                "Filter": name, "Antialias": antialias, "Width": width, "Height": height, "ToWidth": size[0], "ToHeight": size[1],
                "Source": [float(v) for v in plane.ravel()], "Expected": [float(v) for v in resized.ravel()]})
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resize", "planes.json")
json.dump(cases, open(path, "w"))

#!/usr/bin/env python3
"""Writes formats/rle.json: run-length encodings by the libraries that define them.

Needs numpy, pycocotools (pycocotools.mask.encode) and label-studio-sdk (label_studio_sdk.converter.brush.mask2rle).
"""
import json
import pathlib

import numpy as np
from label_studio_sdk.converter import brush
from pycocotools import mask as coco

SIZES = [(1, 1), (1, 1), (2, 1), (1, 9), (9, 1), (3, 5), (8, 8), (17, 16), (33, 70), (61, 97), (300, 290)]


def masks():
    random = np.random.default_rng(6)
    for index, (height, width) in enumerate(SIZES):
        if index < 2:
            yield np.full((height, width), index, np.uint8)
            continue
        yield (random.random((height, width)) < 0.4).astype(np.uint8) if height * width < 1000 else discs(random, height, width)
    yield np.zeros((12, 7), np.uint8)
    yield np.ones((12, 7), np.uint8)
    yield np.pad(np.ones((300, 300), np.uint8), 20)  # runs beyond 65536 values of Label Studio


def discs(random, height, width):
    mask = np.zeros((height, width), np.uint8)
    y, x = np.mgrid[:height, :width]
    for _ in range(5):
        mask ^= ((x - random.integers(width)) ** 2 + (y - random.integers(height)) ** 2 < random.integers(4, 400)).astype(np.uint8)
    return mask


def rows(mask):
    """Lengths of runs in row order, the first of zeros: how the masks themselves are written down."""
    flat = mask.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return lengths if flat[0] == 0 else [0] + lengths


cases = [
    {
        "height": mask.shape[0],
        "width": mask.shape[1],
        "rows": rows(mask),
        "coco": coco.encode(np.asfortranarray(mask))["counts"].decode("ascii"),
        "label_studio": bytes(brush.mask2rle(mask * np.uint8(255))).hex(),
    }
    for mask in masks()
]
folder = pathlib.Path(__file__).parent / "formats"
folder.mkdir(exist_ok=True)
(folder / "rle.json").write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")

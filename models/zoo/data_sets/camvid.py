"""CamVid in 11 classes: images/*.jpg and labels/*.png (8-bit class indices, 255 = void) with equal base names.

    python3 -m data_sets.camvid SOURCE --out FOLDER

SOURCE holds train and val. FOLDER gets three splits: the middle fifth of each of train's drives, frames in a row, is `held-back`.
"""
import shutil
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from . import IGNORE, draw_window, run, to_network

WHITE = 255
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
MANIFEST = {
    "data": "CamVid train", "terms": "the data are for research use", "at": [360, 480],
    "preprocess": {
        "color": "RGB", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
        "resize": {"mode": "short_side", "size": 360, "filter": "bilinear", "antialias": True, "max_pixels": 1048576},
    },
    # What tune-crf found on every sixth training image for camvid-deeplabv3plus; docs/crf.md has the table.
    "postprocess": {"crf": {"default": False, "iterations": 5, "gaussian": {"weight": 0.84, "xy": 0.5}, "bilateral": {"weight": 3, "xy": 16, "rgb": 4.2}}},
    "classes": {"dataset": "camvid", "palette": "camvid", "ignore": 255},
    "quality": {"dataset": "CamVid val, 101 images, 11 classes", "protocol": "480x360, single scale, void skipped"},
}


def load(folder):
    """All images (H×W×3, RGB, uint8) and labels (H×W, uint8) of a folder, sorted by name."""
    pairs = []
    for path in sorted(Path(folder, "images").glob("*.jpg")):
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        label = cv2.imread(str(Path(folder, "labels", path.stem + ".png")), cv2.IMREAD_GRAYSCALE)
        pairs.append((image, label))
    return pairs


def normalise(images):
    """N×H×W×3 in 0..1 to the network's N×3×H×W."""
    return to_network(images, MEAN, STD)


def augment(image, label, crop, scale, rotation_degrees, rng, label_stride=2):
    """One random crop: scale, rotation, flip and position in a single warp, then colour. Outside the frame is void.
    The image has the crop's size, its labels one pixel for each `label_stride`: the loss costs less there, and thin things are learnt less well."""
    height, width = crop
    to_source = draw_window(image.shape, crop, scale, rotation_degrees, rng)
    flags = cv2.WARP_INVERSE_MAP
    fill = [int(v * 255) for v in MEAN]
    image = cv2.warpAffine(image, to_source, (width, height), flags=flags | cv2.INTER_LINEAR, borderValue=fill)
    # Pixel i of the labels lies at stride·i + (stride − 1) / 2.
    between = (label_stride - 1) / 2
    to_source = to_source @ np.array([[label_stride, 0, between], [0, label_stride, between], [0, 0, 1]])
    label = cv2.warpAffine(label, to_source, (width // label_stride, height // label_stride), flags=flags | cv2.INTER_NEAREST, borderValue=IGNORE)

    image = image.astype(np.float32) / 255
    image = image * rng.uniform(0.7, 1.4) * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    image = (image - image.mean()) * rng.uniform(0.75, 1.3) + image.mean()
    grey = image.mean(2, keepdims=True)
    image = grey + (image - grey) * rng.uniform(0.6, 1.4)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (5, 5), rng.uniform(0.3, 1.2))
    return np.clip(image, 0, 1), label


def prepare(source, out):
    drive = lambda path: path.stem.split("_")[0]
    splits = {"val": sorted(Path(source, "val", "images").glob("*.jpg")), "train": [], "held-back": []}
    for _, frames in groupby(sorted(Path(source, "train", "images").glob("*.jpg")), drive):
        frames = list(frames)
        first, end = len(frames) * 2 // 5, len(frames) * 3 // 5
        splits["held-back"] += frames[first:end]
        splits["train"] += frames[:first] + frames[end:]
    for split, images in splits.items():
        for kind in "images", "labels":
            Path(out, split, kind).mkdir(parents=True, exist_ok=True)
        for image in images:
            shutil.copy(image, Path(out, split, "images"))
            shutil.copy(image.parents[1] / "labels" / (image.stem + ".png"), Path(out, split, "labels"))


if __name__ == "__main__":
    run(__doc__, prepare)

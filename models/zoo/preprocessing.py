"""The families of normalisation that published weights use, in the words of the manifest: (x·scale − mean) / std, x in 0 to 255."""
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

FAMILIES = {
    "caffe": {"color": "BGR", "scale": 1, "mean": [104.007, 116.669, 122.679], "std": [1, 1, 1]},
    "imagenet": {"color": "RGB", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "imagenet255": {"color": "RGB", "scale": 1, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
    "tf": {"color": "RGB", "scale": 1, "mean": [127.5, 127.5, 127.5], "std": [127.5, 127.5, 127.5]},
    "unit": {"color": "RGB", "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1]},
    "raw_bgr": {"color": "BGR", "scale": 1, "mean": [0, 0, 0], "std": [1, 1, 1]},
}


def normalised(rgb, rule):
    """An image, HWC or HW in 0 to 255, as the network's input of 1×C×H×W. rule: a family's name, or the manifest's `preprocess`."""
    rule = FAMILIES[rule] if isinstance(rule, str) else rule
    x = np.asarray(rgb, np.float32)
    x = x.reshape(*x.shape[:2], -1)[..., ::-1 if rule["color"] == "BGR" else 1]
    x = (x * np.float32(rule["scale"]) - np.float32(rule["mean"])) / np.float32(rule["std"])
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None]


def legal(side, rule):
    """The smallest legal side that holds a number of pixels; rule: the manifest's `preprocess.size`."""
    offset, multiple = rule.get("offset", 0), rule["multiple"]
    return -(-(max(side, rule["min"]) - offset) // multiple) * multiple + offset


def legal_size(size, rule):
    """[height, width] of the network's input for an image of a size."""
    return list(rule["fixed"]) if rule.get("fixed") else [legal(side, rule) for side in size]


def padded(rgb, preprocess):
    """An image as the network's input: normalised, then 0 to the right and below up to a legal size, as the server does it."""
    height, width = legal_size(rgb.shape[:2], preprocess["size"])
    return F.pad(normalised(rgb, preprocess), [0, width - rgb.shape[1], 0, height - rgb.shape[0]])


def calibration_images(folder, preprocess, most=64, largest=1024):
    """Inputs of the network for images of a folder, evenly chosen; large images are shrunk, as calibration needs no detail."""
    files = sorted(f for f in Path(folder).iterdir() if f.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp", ".bmp"))
    if not files:
        raise ValueError(f"{folder}: expected images (jpg, png, webp or bmp), found none.")
    if preprocess["color"] == "bands":
        raise ValueError("int8 is calibrated on images of colours or gray; this model takes bands. Use --precision fp16.")
    for file in files[::max(1, len(files) // most)][:most]:
        image = Image.open(file).convert("L" if preprocess["color"] == "gray" else "RGB")
        resize, fixed = preprocess["resize"], preprocess["size"].get("fixed")
        if fixed:
            image = image.resize((fixed[1], fixed[0]), Image.BILINEAR)
        else:
            side = min(image.size) if resize["mode"] == "short_side" else max(image.size)
            factor = resize["size"] / side if resize["mode"] != "none" else min(1, largest / side)
            image = image.resize([max(1, int(s * factor)) for s in image.size], Image.BILINEAR) if factor != 1 else image
        yield padded(np.asarray(image), preprocess)

"""The families of normalisation that published weights use, in the words of the manifest: (x·scale − mean) / std, x in 0 to 255."""
import numpy as np
import torch
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

"""The families of normalisation that published weights use, in the words of the manifest: (x·scale − mean) / std, x in 0 to 255."""
import numpy as np
import torch

FAMILIES = {
    "caffe": {"color": "BGR", "scale": 1, "mean": [104.007, 116.669, 122.679], "std": [1, 1, 1]},
    "imagenet": {"color": "RGB", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "imagenet255": {"color": "RGB", "scale": 1, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
    "tf": {"color": "RGB", "scale": 1, "mean": [127.5, 127.5, 127.5], "std": [127.5, 127.5, 127.5]},
    "unit": {"color": "RGB", "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1]},
    "raw_bgr": {"color": "BGR", "scale": 1, "mean": [0, 0, 0], "std": [1, 1, 1]},
}


def normalised(rgb, family):
    """An image, HWC in 0 to 255, as the network's input of 1×3×H×W."""
    rule = FAMILIES[family]
    x = np.asarray(rgb, np.float32)[..., ::-1 if rule["color"] == "BGR" else 1]
    x = (x * np.float32(rule["scale"]) - np.float32(rule["mean"])) / np.float32(rule["std"])
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None]


def legal(side, network):
    """The smallest legal side that holds a number of pixels, as the server pads to it."""
    steps = -(-(max(side, network.minimum) - network.offset) // network.multiple)
    return steps * network.multiple + network.offset


def legal_size(size, network):
    """[height, width] of the network's input for an image of a size."""
    return list(network.fixed) if network.fixed else [legal(side, network) for side in size]

"""What the trained models learn from. A module of this folder has

- `load(folder)`: pairs of image (H×W×C, as stored) and labels (H×W, uint8 class indices, 255 = void), sorted by name;
- `WHITE`: the stored value that counts as 1;
- `augment(image, label, crop, scale, rotation_degrees, rng)`: one random crop, its values in 0 to 1;
- `normalise(images)`: N×H×W×C in 0 to 1 to the network's N×C×H×W;
- `MANIFEST`: what the manifest of a model that was trained on the set says about the set.
"""
import argparse

import numpy as np
import torch

IGNORE = 255


def class_weights(pairs, classes):
    """1 / log(1.1 + share of the labelled pixels), the balance of ENet (Paszke et al., 2016)."""
    counts = sum(np.bincount(label.ravel(), minlength=256)[:classes] for _, label in pairs)
    return torch.tensor(1 / np.log(1.1 + counts / counts.sum()), dtype=torch.float32)


def to_network(images, mean, std):
    """N×H×W×C in 0 to 1 to the network's N×C×H×W."""
    return torch.from_numpy(np.ascontiguousarray(((images - mean) / std).transpose(0, 3, 1, 2), np.float32))


def draw_window(shape, crop, scale, rotation_degrees, rng):
    """A random window: the matrix (2×3) from the crop's pixels to those of an image of `shape`, by scale, rotation, flip and position."""
    height, width = crop
    zoom = np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1])))
    angle = np.deg2rad(rng.uniform(-rotation_degrees, rotation_degrees))
    flip = -1.0 if rng.random() < 0.5 else 1.0

    # The crop's centre is drawn so that the window stays inside the zoomed frame where it fits at all.
    def centre(size, window):
        half = min(window / zoom / 2, size / 2)
        return rng.uniform(half, size - half)
    cx, cy = centre(shape[1], width), centre(shape[0], height)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    to_source = np.array([[cos * flip, -sin, 0], [sin * flip, cos, 0]])
    to_source[:, 2] = np.array([cx, cy]) - to_source[:, :2] @ [width / 2, height / 2]
    return to_source


def run(description, prepare):
    """The command of a data set whose splits are made of files: SOURCE --out FOLDER."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source"), parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    prepare(arguments.source, arguments.out)

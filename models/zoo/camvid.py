"""CamVid in 11 classes: images/*.jpg and labels/*.png (8-bit class indices, 255 = void) with equal base names."""
from pathlib import Path

import cv2
import numpy as np
import torch

IGNORE = 255
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def load(folder):
    """All images (H×W×3, RGB, uint8) and labels (H×W, uint8) of a folder, sorted by name."""
    pairs = []
    for path in sorted(Path(folder, "images").glob("*.jpg")):
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        label = cv2.imread(str(Path(folder, "labels", path.stem + ".png")), cv2.IMREAD_GRAYSCALE)
        pairs.append((image, label))
    return pairs


def class_weights(pairs, classes):
    """1 / log(1.1 + share of the labelled pixels), the balance of ENet (Paszke et al., 2016)."""
    counts = sum(np.bincount(label.ravel(), minlength=256)[:classes] for _, label in pairs)
    return torch.tensor(1 / np.log(1.1 + counts / counts.sum()), dtype=torch.float32)


def normalise(images):
    """N×H×W×3 in 0..1 to the network's N×3×H×W."""
    return torch.from_numpy(np.ascontiguousarray(((images - MEAN) / STD).transpose(0, 3, 1, 2), np.float32))


def augment(image, label, crop, scale, rotation_degrees, rng):
    """One random crop: scale, rotation, flip and position in a single warp, then colour. Outside the frame is void.
    The image has the crop's size, its labels half of it."""
    height, width = crop
    zoom = np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1])))
    angle = np.deg2rad(rng.uniform(-rotation_degrees, rotation_degrees))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    # The crop's centre is drawn so that the window stays inside the zoomed frame where it fits at all.
    def centre(size, window):
        half = min(window / zoom / 2, size / 2)
        return rng.uniform(half, size - half)
    cx, cy = centre(image.shape[1], width), centre(image.shape[0], height)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    to_source = np.array([[cos * flip, -sin, 0], [sin * flip, cos, 0]])
    to_source[:, 2] = np.array([cx, cy]) - to_source[:, :2] @ [width / 2, height / 2]
    flags = cv2.WARP_INVERSE_MAP
    fill = [int(v * 255) for v in MEAN]
    image = cv2.warpAffine(image, to_source, (width, height), flags=flags | cv2.INTER_LINEAR, borderValue=fill)
    # The loss is taken at half resolution, where it costs a quarter: half-resolution pixel i lies at 2·i + 0.5.
    to_source = to_source @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    label = cv2.warpAffine(label, to_source, (width // 2, height // 2), flags=flags | cv2.INTER_NEAREST, borderValue=IGNORE)

    image = image.astype(np.float32) / 255
    image = image * rng.uniform(0.7, 1.4) * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    image = (image - image.mean()) * rng.uniform(0.75, 1.3) + image.mean()
    grey = image.mean(2, keepdims=True)
    image = grey + (image - grey) * rng.uniform(0.6, 1.4)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (5, 5), rng.uniform(0.3, 1.2))
    return np.clip(image, 0, 1), label

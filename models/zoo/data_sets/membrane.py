"""Membranes of neurons under the electron microscope (Cardona et al., PLoS Biology 2010; ISBI challenge of 2012): 0 cell, 1 membrane.

    python3 -m data_sets.membrane SOURCE --out FOLDER

SOURCE holds train and val, each with images/N.png (8-bit gray) and labels/N.png (255 = cell, 0 = membrane), N the slice's place in the stack.
FOLDER gets class indices as labels, and three splits: slices 0 to 3 leave train for `held-back`, with one neighbour only among what is trained on.
"""
from pathlib import Path

import cv2
import numpy as np

from . import IGNORE, draw_window, run, to_network

WHITE = 255
MEAN, STD = np.float32([0.49]), np.float32([0.17])
HELD_BACK = range(4)
MANIFEST = {
    "data": "18 slices of the ISBI 2012 training stack", "terms": "the data are free for research", "at": [512, 512],
    "preprocess": {
        "color": "gray", "scale": 1 / 255, "mean": [0.49], "std": [0.17],
        "resize": {"mode": "none", "filter": "bilinear", "antialias": True},
    },
    # A pixel's answer depends on at most 117 pixels to each side. Tiles begin at multiples of 16, on the grid that pooling has in the whole image.
    "inference": {"mode": "slide", "crop": 768, "stride_rate": 2 / 3, "halo": 128},
    "classes": {"names": ["cell", "membrane"], "palette": ["#1f4e79", "#ffd166"], "ignore": 255},
    "quality": {"dataset": "slices 22 to 25 of the ISBI 2012 training stack", "protocol": "512x512, single scale"},
}

# The elastic deformation of U-Net's paper: displacements on a coarse grid, normally distributed, interpolated by cubics.
GRID, DISPLACEMENT = 4, 7.0


def load(folder):
    """All slices (H×W×1, uint8) and labels (H×W, uint8) of a folder, sorted by name."""
    pairs = []
    for path in sorted(Path(folder, "images").glob("*.png")):
        label = cv2.imread(str(Path(folder, "labels", path.name)), cv2.IMREAD_GRAYSCALE)
        pairs.append((cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[..., None], label))
    return pairs


def normalise(images):
    """N×H×W×1 in 0..1 to the network's N×1×H×W."""
    return to_network(images, MEAN, STD)


def augment(image, label, crop, scale, rotation_degrees, rng):
    """One random crop: a window, bent elastically, in a single warp; then gamma, contrast, brightness, blur and noise. What lies outside the
    slice is mirrored, and void. Labels have the crop's size: membranes are few pixels wide. With a scale of 1 and no rotation nothing is
    interpolated: crops are as sharp as the slices that the network will see."""
    image, label = exact(image, label, crop, rng) if scale == [1, 1] and rotation_degrees == 0 else warped(image, label, crop, scale, rotation_degrees, rng)
    image = (image.astype(np.float32) / 255) ** rng.uniform(0.7, 1.4)
    image = (image - image.mean()) * rng.uniform(0.75, 1.3) + image.mean() + rng.uniform(-0.1, 0.1)
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (5, 5), rng.uniform(0.3, 1.0))
    if rng.random() < 0.3:
        image = image + rng.normal(0, rng.uniform(0.01, 0.05), image.shape).astype(np.float32)
    return np.clip(image, 0, 1)[..., None], label


def exact(image, label, crop, rng):
    """An upright crop at whole pixels, mirrored or not. Upright, since the labels of this stack lie about half a pixel above its membranes, which
    turned crops would teach as a blur."""
    top, left = (rng.integers(0, side - window + 1) for side, window in zip(label.shape, crop))
    window, mirrored = np.s_[top:top + crop[0], left:left + crop[1]], rng.random() < 0.5
    return [np.ascontiguousarray(pixels[window][:, ::-1 if mirrored else 1]) for pixels in (image[..., 0], label)]


def warped(image, label, crop, scale, rotation_degrees, rng):
    """A crop of any scale and angle, bent."""
    height, width = crop
    to_source = draw_window(image.shape, crop, scale, rotation_degrees, rng)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    dx, dy = (cv2.resize(rng.normal(0, DISPLACEMENT, (GRID, GRID)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) for _ in "xy")
    points = np.stack([x + dx, y + dy, np.ones_like(x)], -1) @ to_source.T.astype(np.float32)
    image = cv2.remap(image[..., 0], points, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    label = cv2.remap(label, points, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=IGNORE)
    return image, label


def prepare(source, out):
    for path in sorted(Path(source).glob("*/images/*.png")):
        split = "held-back" if path.parts[-3] == "train" and int(path.stem) in HELD_BACK else path.parts[-3]
        label = cv2.imread(str(path.parents[1] / "labels" / path.name), cv2.IMREAD_GRAYSCALE)
        for kind, pixels in ("images", cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)), ("labels", (label < 128).astype(np.uint8)):
            folder = Path(out, split, kind)
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / path.name), pixels)


if __name__ == "__main__":
    run(__doc__, prepare)

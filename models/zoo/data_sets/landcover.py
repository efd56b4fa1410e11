"""Rendered orthophotos of four bands (red, green, blue, near infrared; uint16) and their land cover:

    python3 -m data_sets.landcover --out FOLDER

renders the splits train, held-back and val, each with images/N.tif and labels/N.png, and sample.tif with its mask sample.png: three minutes on one core.
All scenes come from the same renderer (scenes.py), each from a number of its own: val shows what was learnt of rendered land, and nothing of real land.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from . import IGNORE, draw_window, scenes, to_network
from .geotiff import write

WHITE = 10000
SEED = 20266
SPLITS = {"train": range(128), "held-back": range(128, 160), "val": range(160, 192)}
SAMPLE = 1016
EPSG, CORNER = 32632, (691200.0, 5335100.0)
MEAN = np.array([0.09, 0.11, 0.08, 0.28], np.float32)
STD = np.array([0.075, 0.06, 0.05, 0.16], np.float32)

MANIFEST = {
    "data": "rendered orthophotos", "terms": "no real image was used", "at": [512, 512],
    "preprocess": {
        "color": "bands",
        "bands": [{"name": name, "index": index} for index, name in enumerate(("red", "green", "blue", "nir"), 1)],
        "value_scaling": [{"type": "clip", "minimum": 0, "maximum": WHITE}, {"type": "scale", "value": WHITE}],
        "nodata": "from_file",
        "view": {"bands": [1, 2, 3], "value_scaling": [{"type": "min-max", "minimum": 0, "maximum": 3000}]},
        "scale": 1, "mean": [0.09, 0.11, 0.08, 0.28], "std": [0.075, 0.06, 0.05, 0.16],
        "resize": {"mode": "none", "filter": "bilinear", "antialias": True},
    },
    # A pixel's answer depends on at most 117 pixels to each side. Tiles begin at multiples of 16, on the grid that pooling has in the whole image.
    "inference": {"mode": "slide", "crop": 768, "stride_rate": 2 / 3, "halo": 128},
    "postprocess": {"nodata_label": IGNORE},
    "classes": {
        "names": scenes.CLASSES, "palette": ["#3c6ec8", "#145a1e", "#8cc85a", "#aa7846", "#6e6e6e", "#c83c32", "#f03cdc"], "ignore": IGNORE,
    },
    "quality": {"dataset": "32 rendered scenes of 512x512", "protocol": "single scale, no data skipped"},
}


def read(path):
    """A GeoTIFF of red, green, blue and near infrared, H×W×4, uint16."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]


def load(folder):
    """All scenes (H×W×4, uint16) and labels (H×W, uint8) of a folder, sorted by name."""
    pairs = []
    for path in sorted(Path(folder, "images").glob("*.tif")):
        pairs.append((read(path), np.asarray(Image.open(Path(folder, "labels", path.stem + ".png")))))
    return pairs


def normalise(images):
    """N×H×W×4 in 0..1 to the network's N×4×H×W; 0, which means no data, becomes the mean."""
    return to_network(np.where(images == 0, MEAN, images), MEAN, STD)


def augment(image, label, crop, scale, rotation_degrees, rng):
    """One random crop: scale, rotation, flip and position in a single warp, then brightness, haze and noise. Outside the frame is void and without
    data. The image has the crop's size, its labels half of it."""
    height, width = crop
    to_source = draw_window(image.shape, crop, scale, rotation_degrees, rng)
    flags = cv2.WARP_INVERSE_MAP
    data = cv2.warpAffine((label != IGNORE).astype(np.float32), to_source, (width, height), flags=flags | cv2.INTER_LINEAR)
    image = cv2.warpAffine(image, to_source, (width, height), flags=flags | cv2.INTER_LINEAR).astype(np.float32) / WHITE
    # Half-resolution pixel i lies at 2·i + 0.5.
    to_source = to_source @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    label = cv2.warpAffine(label, to_source, (width // 2, height // 2), flags=flags | cv2.INTER_NEAREST, borderValue=IGNORE)

    image = image * rng.uniform(0.8, 1.25) * rng.uniform(0.94, 1.06, 4).astype(np.float32) + rng.uniform(-0.004, 0.008)
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (5, 5), rng.uniform(0.3, 1.0))
    if rng.random() < 0.3:
        image = image + rng.normal(0, rng.uniform(0.001, 0.006), image.shape).astype(np.float32)
    return np.where(data[..., None] < 1, 0, np.clip(image, 1 / WHITE, 1)), label


def save(number, image, label):
    """Writes a scene and its mask, an indexed PNG; scenes lie side by side on the map, 32 in a row."""
    image.parent.mkdir(parents=True, exist_ok=True), label.parent.mkdir(parents=True, exist_ok=True)
    pixels, labels = scenes.render([SEED, number])
    south, east = (steps * pixels.shape[0] * scenes.METRES for steps in divmod(number, 32))
    write(image, pixels, EPSG, (CORNER[0] + east, CORNER[1] - south), scenes.METRES)
    mask = Image.fromarray(labels, mode="P")
    mask.putpalette(bytes.fromhex("".join(MANIFEST["classes"]["palette"]).replace("#", "")))
    mask.save(label, bits=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    out = Path(parser.parse_args().out)
    for split, numbers in SPLITS.items():
        for number in numbers:
            save(number, out / split / "images" / f"{number}.tif", out / split / "labels" / f"{number}.png")
    save(SAMPLE, out / "sample.tif", out / "sample.png")


if __name__ == "__main__":
    main()

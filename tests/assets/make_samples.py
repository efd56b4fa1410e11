#!/usr/bin/env python3
"""Makes the playground's samples of street.jpg: the street itself, at dusk, and in fog. Needs Pillow and numpy."""
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
SAMPLES = HERE.parent.parent / "src/InferenceServer/wwwroot/playground/samples"
HORIZON = 0.46


def dusk(rgb, _):
    return rgb**1.5 * np.array([0.62, 0.60, 0.78]) + np.array([0.02, 0.02, 0.05])


def fog(rgb, rows):
    # Thick towards the horizon, where the street is farthest, and in the sky above it.
    far = np.exp(-np.maximum(rows - HORIZON, 0) / 0.14)
    thick = 0.12 + 0.62 * far
    return rgb * (1 - thick) + np.array([0.80, 0.82, 0.84]) * thick


def main():
    rgb = np.asarray(Image.open(HERE / "street.jpg").convert("RGB"), dtype=np.float64) / 255
    rows = np.linspace(0, 1, rgb.shape[0])[:, None, None]
    for name, change in (("street", lambda rgb, _: rgb), ("dusk", dusk), ("fog", fog)):
        changed = np.clip(change(rgb, rows) * 255 + 0.5, 0, 255).astype(np.uint8)
        Image.fromarray(changed).save(SAMPLES / f"{name}.jpg", quality=82, optimize=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs the export that docs/bring-your-model.md shows for torchvision, with random weights, and says what PyTorch answers: 255 where two classes are too near.

    /usr/bin/python3 export_torchvision.py PAGE NETWORK FOLDER      # writes model.onnx, image.png and labels.raw into FOLDER
"""
import os
import re
import sys

import numpy as np
import torch
import torchvision
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "zoo"))
import randomise

SHOWN = 'deeplabv3_resnet50(weights="DEFAULT")'
WIDTH, HEIGHT = 203, 157

# Random weights magnify rounding: one bit of the input moves scores by a thousandth of the largest, and ONNX Runtime's kernels for processors without
# AVX-512 move them by five. Where two scores are as near as that, no label is right.
CLOSE, UNSURE = 0.005, 255


def code(page, network):
    section = page.split("\n## torchvision\n")[1].split("\n## ")[0]
    shown = re.search(r"```python\n(.*?)```", section, re.S).group(1)
    assert shown.count(SHOWN) == 1
    return shown.replace(SHOWN, f"{network}(weights=None, weights_backbone=None)")


def picture():
    """Smooth areas in colour, in which random weights find several classes."""
    coarse = np.random.default_rng(7).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.BICUBIC)


def tensor(image):
    resized = torchvision.transforms.functional.resize(image, 520)
    pixels = torchvision.transforms.functional.to_tensor(resized)
    return torchvision.transforms.functional.normalize(pixels, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[None]


page, network, folder = sys.argv[1:]
image = picture()
image.save(os.path.join(folder, "image.png"))
export = torch.onnx.export


# Shortcuts dominate in trained networks; without that, fifty random layers make digits of rounding.
randomise.InvertedResidual = torchvision.models.mobilenetv3.InvertedResidual


def randomised(scores, *arguments, **options):
    randomise.randomise(scores, 5, tensor(image).repeat(2, 1, 1, 1))
    export(scores, *arguments, **options)
    with torch.no_grad():
        logits = torch.nn.functional.interpolate(scores(tensor(image)), size=(HEIGHT, WIDTH), mode="bilinear", align_corners=False)
    best, labels = logits[0].topk(2, 0)
    labels[0, best[0] - best[1] < CLOSE * logits.abs().max()] = UNSURE
    labels[0].to(torch.uint8).numpy().tofile(os.path.join(folder, "labels.raw"))


torch.onnx.export = randomised
os.chdir(folder)
with open(page, encoding="utf-8") as text:
    exec(compile(code(text.read(), network), page, "exec"))

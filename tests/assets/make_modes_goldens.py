#!/usr/bin/python3
"""Makes tests/assets/modes: small convolutional networks, two photographs, and what plain PyTorch makes of them in tiles, at several scales and mirrored.

Nothing here is fast or clever: every pass is written out, every score of every pixel is kept, and the definition is the one of docs/segment.md.
cases.json lists the cases; each has a file of labels (uint8, HW) and one of probabilities x 65535 (uint16, CHW).

    /usr/bin/python3 tests/assets/make_modes_goldens.py      (torch 1.13, onnx 1.12, Pillow 9.4)
"""
import gzip
import json
import math
import pathlib

import numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

ROOT = pathlib.Path(__file__).parent / "modes"
CLASSES = 5
MEAN, STD = numpy.array([0.45, 0.5, 0.4]), numpy.array([0.25, 0.3, 0.2])


def network(seed, stride, channels):
    """Convolutions that see their neighbours, so that padding, tile borders and mirroring leave traces."""
    torch.manual_seed(seed)
    down = [nn.Conv2d(3, 8, 3, padding=1, stride=2 if stride > 1 else 1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, stride=2 if stride > 1 else 1), nn.ReLU()]
    net = nn.Sequential(*down, nn.Conv2d(8, channels, 3, padding=1))
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=1.6 / math.sqrt(layer.weight[0].numel()))
            nn.init.normal_(layer.bias, std=0.3)
    return net.eval()


class Model:
    def __init__(self, name, seed, stride=1, channels=CLASSES, short_side=None):
        self.name, self.stride, self.channels, self.short_side = name, stride, channels, short_side
        self.net = network(seed, stride, channels)
        self.smallest = 8 * stride

    def balance(self, photo):
        """No class shall win everywhere."""
        view = torch.from_numpy(((numpy.asarray(photo, numpy.float64) / 255 - MEAN) / STD).transpose(2, 0, 1).astype(numpy.float32))[None]
        with torch.no_grad():
            self.net[-1].bias -= self.net(view).mean((0, 2, 3))

    def legal(self, side):
        return -(-max(side, self.smallest) // self.stride) * self.stride

    def natural(self, size):
        """Width and height that the network sees at scale 1."""
        if self.short_side is None:
            return size
        width, height = size
        return (self.short_side, self.short_side * height // width) if width <= height else (self.short_side * width // height, self.short_side)

    def save(self):
        folder = ROOT / "models" / self.name
        (folder / "1").mkdir(parents=True, exist_ok=True)
        torch.onnx.export(
            self.net, torch.zeros(1, 3, 32, 32), folder / "1" / "model.onnx", input_names=["input"], output_names=["logits"], opset_version=16,
            dynamic_axes={"input": {0: "N", 2: "H", 3: "W"}, "logits": {0: "N", 2: "h", 3: "w"}})
        resize = {"mode": "none"} if self.short_side is None else {"mode": "short_side", "size": self.short_side}
        names = ["other", "found"] if self.channels == 1 else [f"class {i}" for i in range(CLASSES)]
        manifest = {
            "schema": 1, "name": self.name,
            "graph": {"max_batch": 4, "output_kind": "binary_logit" if self.channels == 1 else "logits", "output_stride": self.stride},
            "preprocess": {"color": "RGB", "scale": 1 / 255, "mean": MEAN.tolist(), "std": STD.tolist(), "resize": {**resize, "filter": "bilinear", "antialias": True},
                           "size": {"multiple": self.stride, "min": self.smallest}, "pad": {}},
            "classes": {"names": names, "palette": "voc"},
            "cost": {"at": [32, 32]},
        }
        (folder / "model.json").write_text(json.dumps(manifest, indent=2) + "\n")


def starts(length, crop, stride_rate):
    """First pixels of the tiles along one axis; the last tile is moved back to the end."""
    if length <= crop:
        return [0]
    stride = math.ceil(crop * stride_rate)
    return [min(i * stride, length - crop) for i in range(-(-(length - crop) // stride) + 1)]


def samples(photo, view, start, length, padded, grid):
    """A matrix from one axis of a tile's output grid to the photo, and which photo pixels the tile answers for: those whose centres lie within its outer edges."""
    matrix, answers = numpy.zeros((photo, grid)), numpy.zeros(photo, bool)
    for x in range(photo):
        centre = (x + 0.5) * view / photo
        if not start <= centre < start + length:
            continue
        answers[x] = True
        position = min(max(centre - 0.5 - start, 0), length - 1)
        point = min(max((position + 0.5) * grid / padded - 0.5, 0), grid - 1)
        lower = min(int(point), grid - 1)
        upper = min(lower + 1, grid - 1)
        matrix[x, lower] += 1 - (point - lower)
        matrix[x, upper] += point - lower
    return torch.from_numpy(matrix), torch.from_numpy(answers)


def run(model, photo, mode="whole", crop=None, stride_rate=2 / 3, scales=(1,), flip=False, fuse="mean_softmax"):
    width, height = photo.size
    views = []
    for scale in scales:
        natural = model.natural(photo.size)
        size = natural if scale == 1 else tuple(int(side * scale + 0.5) for side in natural)
        pixels = numpy.asarray(photo if size == photo.size else photo.resize(size, Image.BILINEAR), numpy.float64) / 255
        view = torch.from_numpy(((pixels - MEAN) / STD).transpose(2, 0, 1).astype(numpy.float32))[None]
        tile = [model.legal(side) for side in crop] if mode == "slide" else size
        for mirrored in ([False, True] if flip else [False]):
            passes = []
            for top in starts(size[1], tile[1], stride_rate):
                for left in starts(size[0], tile[0], stride_rate):
                    part = view[:, :, top:top + tile[1], left:left + tile[0]]
                    rows, columns = part.shape[2:]
                    padded = functional.pad(part, (0, model.legal(columns) - columns, 0, model.legal(rows) - rows))
                    with torch.no_grad():
                        scores = model.net(padded.flip(3)).flip(3) if mirrored else model.net(padded)
                    down, in_rows = samples(height, size[1], top, rows, padded.shape[2], scores.shape[2])
                    across, in_columns = samples(width, size[0], left, columns, padded.shape[3], scores.shape[3])
                    at_photo = torch.einsum("yr,crk,xk->cyx", down, scores[0].double(), across)
                    if fuse == "mean_softmax":
                        at_photo = torch.sigmoid(at_photo) if model.channels == 1 else torch.softmax(at_photo, 0)
                    passes.append((at_photo, in_rows[:, None] & in_columns[None, :]))
            views.append(passes)
    if fuse == "max_logits":
        fused = torch.stack([scores.masked_fill(~inside, -math.inf) for passes in views for scores, inside in passes]).amax(0)
    else:
        fused = torch.stack([sum(scores * inside for scores, inside in passes) / sum(inside.double() for _, inside in passes) for passes in views]).mean(0)
    if model.channels == 1:
        found = fused[0] if fuse == "mean_softmax" else torch.sigmoid(fused[0])
        return torch.stack([1 - found, found])
    return fused if fuse == "mean_softmax" else torch.softmax(fused, 0)


def check():
    """Whole, once, the sampling above is PyTorch's own."""
    scores = torch.randn(1, 3, 12, 16, dtype=torch.float64)
    across, down = samples(61, 61, 0, 61, 64, 16)[0], samples(47, 47, 0, 47, 48, 12)[0]
    expected = functional.interpolate(scores, size=(48, 64), mode="bilinear", align_corners=False)[0, :, :47, :61]
    assert (torch.einsum("yr,crk,xk->cyx", down, scores[0], across) - expected).abs().max() < 1e-12


def photograph(width, height, seed):
    generator = numpy.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), numpy.uint8)).resize((width, height), Image.BICUBIC)
    noise = generator.normal(0, 12, (height, width, 3))
    return Image.fromarray(numpy.clip(numpy.asarray(coarse) + noise, 0, 255).astype(numpy.uint8))


def main():
    check()
    models = {m.name: m for m in (Model("full", 1), Model("coarse", 2, stride=4), Model("resized", 3, short_side=40), Model("binary", 4, channels=1))}
    photos = {"odd": photograph(61, 47, 1), "small": photograph(29, 19, 2)}
    ROOT.mkdir(exist_ok=True)
    for model in models.values():
        model.balance(photos["odd"])
        model.save()
    for name, photo in photos.items():
        photo.save(ROOT / f"{name}.png")

    scales = [0.75, 1, 1.25]
    cases = [("full", "odd", {"scales": scales, "flip": True, "fuse": fuse}) for fuse in ("mean_softmax", "sum_logits", "max_logits")]
    cases += [("full", "odd", {"mode": "slide", "crop": [24, 24], "fuse": fuse}) for fuse in ("mean_softmax", "sum_logits", "max_logits")]
    cases += [
        ("full", "odd", {}),
        ("full", "odd", {"flip": True}),
        ("full", "odd", {"mode": "slide", "crop": [64, 16], "stride_rate": 0.5, "flip": True}),
        ("full", "odd", {"mode": "slide", "crop": [30, 20], "stride_rate": 1}),
        ("full", "odd", {"mode": "slide", "crop": [24, 32], "scales": scales, "flip": True}),
        ("coarse", "odd", {"flip": True}),
        ("coarse", "odd", {"scales": scales}),
        ("coarse", "odd", {"mode": "slide", "crop": [33, 35], "scales": scales, "flip": True}),
        ("coarse", "odd", {"mode": "slide", "crop": [36, 36], "stride_rate": 0.5, "fuse": "max_logits"}),
        ("coarse", "small", {"mode": "slide", "crop": [32, 32], "flip": True}),
        ("resized", "odd", {"scales": [0.75, 1.25], "flip": True}),
        ("resized", "odd", {"mode": "slide", "crop": [24, 24], "scales": [0.75, 1.25], "flip": True}),
        ("resized", "small", {"mode": "slide", "crop": [24, 24], "fuse": "sum_logits"}),
        ("binary", "odd", {"mode": "slide", "crop": [24, 24], "scales": [1, 1.25], "flip": True}),
        ("binary", "odd", {"scales": [0.75, 1], "fuse": "max_logits"}),
    ]
    listed = []
    for index, (model, photo, settings) in enumerate(cases):
        probabilities = run(models[model], photos[photo], **settings).numpy()
        name = f"{index:02}-{model}-{photo}"
        labels = probabilities.argmax(0).astype(numpy.uint8)
        best = numpy.sort(probabilities, 0)
        print(name, settings, "classes", numpy.bincount(labels.ravel()).tolist(), "closest", float((best[-1] - best[-2]).min()))
        (ROOT / f"{name}.labels.gz").write_bytes(gzip.compress(labels.tobytes(), 9, mtime=0))
        (ROOT / f"{name}.probabilities.gz").write_bytes(gzip.compress(numpy.round(probabilities * 65535).astype("<u2").tobytes(), 9, mtime=0))
        listed.append({"name": name, "model": model, "photo": photo, **settings})
    (ROOT / "cases.json").write_text("[\n" + ",\n".join("  " + json.dumps(case) for case in listed) + "\n]\n")


main()

"""Trains one system of the zoo on the data set that its config names:  python3 train.py configs/NAME.json --data FOLDER --out FOLDER

FOLDER must hold train/images and train/labels. Only `train` is read, or the `splits` that the config names; the validation split is left to the
server's own `inference-server evaluate`. Writes last.pt (to resume), final.pt (averaged weights) and log.csv. A config with `backbone_from`: NAME
starts its backbone from ../NAME/final.pt beside FOLDER, one with `weights_from` the whole network, so train that one first; parts that are `frozen` keep what they start with.
"""
import argparse
import csv
import importlib
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from data_sets import IGNORE, class_weights
from graphs.half import rounded

SYSTEMS = {
    "street.deeplab_v3plus": "DeepLabV3Plus",
    "street.refinenet": "RefineNet",
    "street.fcn8s": "Fcn8s",
    "systems.unet": "UNet",
}


def build(config):
    return getattr(importlib.import_module(config["system"]), SYSTEMS[config["system"]])(config["classes"], **config.get("model", {}))


def load(path):
    """A trained network as it is served, and its config."""
    state = torch.load(path, map_location="cpu")
    model = build(state["config"])
    model.load_state_dict(state["state_dict"])
    model = model.float().eval()
    return rounded(model) if state["config"].get("stored") == "float16" else model, state["config"]


def data_set(config):
    """The module of the config's data set."""
    return importlib.import_module("data_sets." + config["data"])


def copy_weights(model, weights, part):
    """Starts a part from another run's, wherever name and shape agree; the rest keeps its random start. The part "" is the whole network."""
    own, trained = model.state_dict(), torch.load(weights, map_location="cpu")["state_dict"]
    same = {k: v for k, v in trained.items() if k.startswith(part) and k in own and own[k].shape == v.shape}
    model.load_state_dict(same, strict=False)
    print(f"{len(same)} of {sum(k.startswith(part) for k in own)} tensors of '{part}' from {weights}", flush=True)


def loss_of(logits, labels, weights, jaccard_weight):
    """Weighted cross-entropy plus soft Jaccard over the classes that the batch holds: the second is nearer to mean IoU."""
    logits = F.interpolate(logits.float().contiguous(), size=labels.shape[-2:], mode="bilinear", align_corners=False)
    log_probability, valid = logits.log_softmax(1), labels != IGNORE
    cross_entropy = F.nll_loss(log_probability, labels, weights, ignore_index=IGNORE)
    probability, truth = log_probability.exp() * valid.unsqueeze(1), labels.clamp(max=len(weights) - 1)
    of_truth = probability.gather(1, truth.unsqueeze(1))
    overlap = torch.zeros_like(weights).index_add(0, truth.flatten(), of_truth.flatten())
    counts = torch.bincount(truth[valid], minlength=len(weights)).float()
    total = probability.sum((0, 2, 3)) + counts
    return cross_entropy + jaccard_weight * (1 - overlap / (total - overlap + 1e-6))[counts > 0].mean()


def learning_rate(share, peak, warm_up):
    return peak * share / warm_up if share < warm_up else peak * 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))


def parameter_groups(model, config):
    """What decays and what does not, at the whole rate and, in a backbone that has learnt already, at `backbone_rate` times that."""
    groups = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            share = config.get("backbone_rate", 1) if name.startswith("backbone.") else 1
            groups.setdefault((share, parameter.ndim > 1), []).append(parameter)
    return [{"params": parameters, "share": share, "weight_decay": config["weight_decay"] if decays else 0}
            for (share, decays), parameters in groups.items()]


@torch.no_grad()
def update_average(average, model, decay):
    for a, b in zip(average.state_dict().values(), model.state_dict().values()):
        a.lerp_(b, 1 - decay) if a.is_floating_point() else a.copy_(b)


def upsampled_logits(model, images, size):
    """Logits at the image's size, of which `images` are a resized version: as the server does it, padded to a legal size at the bottom and the
    right, enlarged in one step, and cropped again."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (0, -width % model.multiple, 0, -height % model.multiple))
    enlarged = [p * s // i for p, s, i in zip(padded.shape[-2:], size, (height, width))]
    return F.interpolate(model(padded), size=enlarged, mode="bilinear", align_corners=False)[..., :size[0], :size[1]]


@torch.no_grad()
def mean_iou(model, data, pairs, classes):
    """One confusion matrix over all pairs, as the server's evaluate; here only to see on train that nothing is broken."""
    matrix = np.zeros((classes, classes), np.int64)
    for image, label in pairs:
        logits = upsampled_logits(model, data.normalise(image[None] / data.WHITE), label.shape)
        valid = label != IGNORE
        matrix += np.bincount(label[valid].astype(np.int64) * classes + logits[0].argmax(0).numpy()[valid],
                              minlength=classes * classes).reshape(classes, classes)
    union = matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    return float((np.diag(matrix)[union > 0] / union[union > 0]).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config"), parser.add_argument("--data", required=True), parser.add_argument("--out", required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    config, out = json.loads(Path(arguments.config).read_text()), Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(arguments.threads), cv2.setNumThreads(1), torch.manual_seed(config["seed"])

    data = data_set(config)
    pairs = [pair for split in config.get("splits", ["train"]) for pair in data.load(Path(arguments.data, split))]
    weights = class_weights(pairs, config["classes"]) if config.get("balanced", True) else torch.ones(config["classes"])
    model = build(config).to(memory_format=torch.channels_last)
    for key, part in (("backbone_from", "backbone."), ("weights_from", "")):
        if key in config:
            copy_weights(model, out.parent / config[key] / "final.pt", part)
    average = deepcopy(model).eval()
    for part in map(model.get_submodule, config.get("frozen", [])):
        part.requires_grad_(False).eval()
    optimiser = torch.optim.AdamW(parameter_groups(model, config), config["learning_rate"])
    crops = np.repeat(np.arange(len(pairs)), config.get("crops_per_image", 1))
    steps, start = len(crops) // config["batch"], 0
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt")
        model.load_state_dict(state["model"]), average.load_state_dict(state["average"]), optimiser.load_state_dict(state["optimiser"])
        start = state["epoch"]
    print(f"{len(pairs)} images, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {steps} steps an epoch", flush=True)

    def batch(epoch, step, order):
        rng = np.random.default_rng([config["seed"], epoch, step])
        chosen = order[step * config["batch"]:(step + 1) * config["batch"]]
        images, labels = zip(*(data.augment(*pairs[i], config["crop"], config["scale"], config["rotation_degrees"], rng, **config.get("augment", {}))
                               for i in chosen))
        return data.normalise(np.stack(images)), torch.from_numpy(np.stack(labels)).long()

    with ThreadPoolExecutor(1) as loader, open(out / "log.csv", "a", newline="") as file:
        log = csv.writer(file)
        if start == 0:
            log.writerow(["epoch", "loss", "learning_rate", "seconds", "mean_iou_on_every_12th_training_image"])
        for epoch in range(start, config["epochs"]):
            order, began, total = np.random.default_rng([config["seed"], epoch]).permutation(crops), time.time(), 0.0
            pending = loader.submit(batch, epoch, 0, order)
            for step in range(steps):
                images, labels = pending.result()
                pending = loader.submit(batch, epoch, step + 1, order) if step + 1 < steps else None
                rate = learning_rate((epoch * steps + step + 1) / (config["epochs"] * steps), config["learning_rate"], config["warm_up_share"])
                for group in optimiser.param_groups:
                    group["lr"] = rate * group["share"]
                with torch.autocast("cpu", torch.bfloat16, enabled=config["bfloat16"]):
                    logits = model(images.contiguous(memory_format=torch.channels_last))
                loss = loss_of(logits, labels, weights, config["jaccard_weight"])
                optimiser.zero_grad(), loss.backward()
                if "clip_norm" in config:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), config["clip_norm"])
                optimiser.step()
                # A short memory at first, so that the average leaves the random start behind.
                update_average(average, model, min(config["ema_decay"], (1 + epoch * steps + step) / (10 + epoch * steps + step)))
                total += loss.item()
            on_train = mean_iou(average, data, pairs[::12], config["classes"]) if epoch % 10 == 9 else None
            row = [epoch + 1, f"{total / steps:.4f}", f"{rate:.6f}", f"{time.time() - began:.1f}", "" if on_train is None else f"{on_train:.4f}"]
            log.writerow(row), file.flush(), print(*row, flush=True)
            torch.save({"model": model.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch + 1}, out / "last.tmp")
            (out / "last.tmp").replace(out / "last.pt")
    torch.save({"config": config, "state_dict": average.state_dict()}, out / "final.pt")


if __name__ == "__main__":
    main()

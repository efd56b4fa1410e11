"""Exports a system of the zoo as a model that the server serves:

    python3 export.py SYSTEM [--backbone NAME] --classes voc --weights FILE --out ../NAME

writes 1/model.onnx and model.json, complete but for what only you know: names and colours of your classes, and how accurate it is.
SYSTEM is one of systems/__init__.py. FILE is a checkpoint of ours or of a fork that importers.py knows; `random` gives weights for trying speed.
"""
import argparse
import hashlib
import json
from pathlib import Path

import torch

import importers
import manifest
import systems
from graphs import tracing
from preprocessing import legal_size
from randomise import randomise


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=systems.SYSTEMS)
    parser.add_argument("--backbone", help="a variant of the system; the first of systems/__init__.py unless told otherwise")
    parser.add_argument("--classes", default="voc", help="voc, cityscapes, camvid, ade20k, a number, or a file with a name on each line (default: voc)")
    parser.add_argument("--weights", default="random", help="a checkpoint, or random (default)")
    parser.add_argument("--outputs", choices=tracing.OUTPUTS, default="stride", help="stride ends before the last upsampling, which the server fuses with argmax "
                        "(default); logits ends at the image's size; labels ends in argmax and gives bytes, but neither confidence nor CRF")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="an argument of the system's class, in JSON: width=0.5, output_stride=8, size=[512,1024]")
    parser.add_argument("--at", metavar="HEIGHTxWIDTH", default="512x512", help="the usual size of images: cost is counted there, and the server warms up with it (default: 512x512)")
    parser.add_argument("--allow-missing", action="store_true", help="export although the checkpoint lacks weights")
    parser.add_argument("--out", required=True, help="the model's folder, whose name is the model's")
    return parser.parse_args()


def build(system, backbone, classes, options, file):
    """The network with its weights, the backbone's name, and what the checkpoint was."""
    if file == "random":
        network = systems.create(system, backbone, classes, **options)
        images = torch.randn(2, 3, *legal_size((97, 129), network.size), generator=torch.Generator().manual_seed(0))
        return randomise(network, 0, images), backbone, None
    checkpoint = importers.read(file)
    if checkpoint.fork:
        if checkpoint.fork.system != system:
            raise ValueError(f"{file} holds weights of {checkpoint.fork.name}, which is '{checkpoint.fork.system}' here, not '{system}'.")
        options, backbone = {**checkpoint.fork.options, **options}, checkpoint.fork.backbones.get(backbone, backbone)
    return systems.create(system, backbone, classes, **options).eval(), backbone, checkpoint


def fill(network, checkpoint, allow_missing):
    missing, left_over = importers.load(network, checkpoint)
    print(f"{checkpoint.fork.name if checkpoint.fork else 'our own names'}: {len(checkpoint.weights) - len(left_over)} tensors taken, "
          f"{len(missing)} missing, {len(left_over)} left over, {len(checkpoint.ignored)} of training only")
    for title, keys in (("missing", missing), ("left over", left_over)):
        for key in keys:
            print(f"  {title}: {key}")
    if missing and not allow_missing:
        raise ValueError("The checkpoint lacks weights. Check --backbone, --classes and --option against it; --allow-missing exports nevertheless.")


def main():
    given = arguments()
    options = {key: tuple(value) if isinstance(value, list) else value
               for key, value in ((key, json.loads(value)) for key, _, value in (o.partition("=") for o in given.option))}
    class_part, count = manifest.classes(given.classes)
    backbone = given.backbone or next(iter(systems.SYSTEMS[given.system]))
    network, backbone, checkpoint = build(given.system, backbone, count, options, given.weights)
    if checkpoint:
        fill(network, checkpoint, given.allow_missing)
        if checkpoint.values:
            class_part["values"] = list(checkpoint.values)
    folder = Path(given.out)
    file = folder / "1" / "model.onnx"
    file.parent.mkdir(parents=True, exist_ok=True)
    tracing.export(network, given.outputs, file)
    text = manifest.create(network, given.system, backbone, given.outputs, class_part, count, {
        "project": checkpoint.fork.name if checkpoint and checkpoint.fork else "InferenceServer model zoo", "checkpoint": Path(given.weights).name},
        tuple(int(side) for side in given.at.split("x")), checkpoint.fork.resize if checkpoint and checkpoint.fork else None)
    text["source"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps({"schema": 1, "name": folder.resolve().name, **text}, indent=2) + "\n")
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, {text['cost']['parameters'] / 1e6:.2f} M parameters, {text['cost']['gmac']} GMAC at {text['cost']['at']}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"error: {error}")

"""Exports trained weights as a model that the server serves:

    python3 export_trained.py final.pt --name camvid-deeplabv3plus --out ../camvid-deeplabv3plus

writes 1/model.onnx and model.json. A graph that ends at stride 4 or 8 ends before the last upsampling: the server fuses that with argmax.
What the manifest says of the data comes from data_sets/; its channels are those of the network's first convolution.
"""
import argparse
import hashlib
import json
from pathlib import Path

import onnx
import torch

from costs import multiply_accumulates, parameters
from graphs.half import store_half
from train import build, data_set, load

OPSET = 16

ARCHITECTURES = {"street.deeplab_v3plus": "deeplabv3plus", "street.refinenet": "refinenet", "street.fcn8s": "fcn8s", "systems.unet": "unet"}

def legal(side, multiple):
    return -(-side // multiple) * multiple


def fold_and_export(model, file):
    """Traces at an odd size where that is legal, so that a size frozen by mistake shows; batch, height and width stay open."""
    axes = {0: "batch", 2: "height", 3: "width"}
    image = torch.zeros(1, model.channels, legal(163, model.multiple), legal(201, model.multiple))
    torch.onnx.export(model, image, str(file), opset_version=OPSET, input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": axes, "logits": dict(axes)})
    graph = onnx.load(str(file))
    onnx.checker.check_model(graph)
    return graph


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights"), parser.add_argument("--name", required=True), parser.add_argument("--out", required=True)
    parser.add_argument("--miou", type=float, help="val mIoU in percent, as the server's evaluate measured it")
    arguments = parser.parse_args()
    model, config = load(arguments.weights)
    start = config.get("backbone_from")
    file = Path(arguments.out, "1", "model.onnx")
    file.parent.mkdir(parents=True, exist_ok=True)
    graph = fold_and_export(model, file)
    if config.get("stored") == "float16":
        onnx.save(store_half(graph), str(file))
    text = Path(arguments.out, "model.json")
    learnt = data_set(config).MANIFEST
    postprocess = {"activation": "softmax", "align_corners": False, **learnt.get("postprocess", {})}
    if text.exists():
        postprocess = json.loads(text.read_text())["postprocess"]  # a model that was exported before keeps what was tuned for it
    height, width = learnt["at"]
    manifest = {
        "schema": 1,
        "name": arguments.name,
        "architecture": ARCHITECTURES[config["system"]],
        **({"backbone": "resnet18" if config.get("model", {}).get("stem") == 7 else "resnet18-narrow"} if hasattr(model, "backbone") else {}),
        "source": {
            "project": "InferenceServer model zoo",
            "checkpoint": f"trained on {learnt['data']}" + (f", the backbone started from {start}" if start else " from scratch") + f"; {learnt['terms']}",
            "licence": "MIT",
            "exporter": "torch " + torch.__version__,
            "opset": OPSET,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        },
        "graph": {"input": "input", "output": "logits", "max_batch": 8, "output_kind": "logits", "output_stride": model.output_stride},
        "preprocess": {
            **learnt["preprocess"],
            "size": {"multiple": model.multiple, "min": 64},
            "pad": {"where": "bottom_right", "value": "mean"},
        },
        **({"inference": learnt["inference"]} if "inference" in learnt else {}),
        "postprocess": postprocess,
        "classes": learnt["classes"],
        "cost": {
            "parameters": parameters(build(config)), "at": [height, width],
            "gmac": round(multiply_accumulates(model, legal(height, model.multiple), legal(width, model.multiple)) / 1e9, 2),
        },
    }
    if arguments.miou is not None:
        manifest["quality"] = {"metric": "mIoU", "value": arguments.miou, **learnt["quality"]}
    text.write_text(json.dumps(manifest, indent=2) + "\n")
    print(file, f"{file.stat().st_size / 1e6:.1f} MB", manifest["cost"])


if __name__ == "__main__":
    main()

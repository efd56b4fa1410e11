"""The manifest of an exported system: all that a server must know and the graph does not say."""
import copy
from pathlib import Path

import onnx
import torch

import costs
from graphs.tracing import OPSET
from preprocessing import FAMILIES, legal_size

DATASETS = {"voc": 21, "cityscapes": 19, "camvid": 11, "ade20k": 150}


def classes(wanted):
    """The manifest's part for a built-in data set, a number of classes, or a file with a name on each line; and how many there are."""
    if wanted in DATASETS:
        return {"dataset": wanted, "palette": wanted, "ignore": 255}, DATASETS[wanted]
    if wanted.isdigit():
        count = int(wanted)
        names = ["other", "found"] if count == 1 else [f"class {i}" for i in range(count)]
        return {"names": names, "palette": "voc", "ignore": 255}, count
    names = [line.strip() for line in Path(wanted).read_text().splitlines() if line.strip()]
    return {"names": names, "palette": "voc", "ignore": 255}, len(names)


def cost(network, size):
    """Counted without computing anything."""
    height, width = legal_size(size, network.size)
    shapes = copy.deepcopy(network).to("meta")
    return {"parameters": costs.parameters(network), "gmac": round(costs.multiply_accumulates(shapes, height, width) / 1e9, 2), "at": [height, width]}


def create(network, system, backbone, outputs, class_part, count, source, size=(512, 512), resize=None):
    """resize: of images, before the network; none unless told otherwise, as most protocols of evaluation have it."""
    kind = "labels" if outputs == "labels" else "binary_logit" if count == 1 else "logits"
    graph = {"input": "input", "output": "labels" if outputs == "labels" else "logits", "max_batch": 8, "output_kind": kind}
    if outputs == "stride" and network.output_stride > 1:
        graph["output_stride"] = network.output_stride
    if network.output_scale > 1:
        graph["output_scale"] = network.output_scale
    return {
        "schema": 1, "architecture": system, "backbone": backbone,
        "source": {"exporter": f"torch {torch.__version__}, onnx {onnx.__version__}", "opset": OPSET, **source},
        "graph": graph,
        "preprocess": {
            **FAMILIES[network.preprocess],
            "resize": {"mode": "none", "filter": "bilinear", "antialias": True, **(resize or {})},
            "size": network.size,
            "pad": {"where": "bottom_right", "value": "mean"},
        },
        **({"inference": {"mode": "slide", "crop": network.fixed, "stride_rate": 2 / 3}} if network.fixed else {}),
        "postprocess": {"activation": "sigmoid" if kind == "binary_logit" else "softmax", "align_corners": network.align_corners},
        "classes": class_part,
        "cost": cost(network, size),
    }

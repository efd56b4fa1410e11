#!/usr/bin/python3
"""Makes tests/assets/models, and tests/assets/odd-models for single tests: networks of a few hundred bytes whose masks can be told by looking at the picture.

Each pixel's class is its largest channel: 0 red, 1 green, 2 blue; of equal channels the first wins, so grey is red. The scores
are 8 times the mean of each channel, 0 to 1, over blocks of stride x stride pixels. The variants differ in what the graph ends
in; tiny-nan and tiny-wrong-classes cannot be served, and say why.

    /usr/bin/python3 tests/assets/make_tiny_models.py      (onnx 1.12)
"""
import json
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 16
GAIN = 8.0
NAMES = ["red", "green", "blue"]
PALETTE = ["#ff0000", "#00ff00", "#0000ff"]
COVERS = ["water", "forest", "field", "town", "rock"]
COVER_PALETTE = ["#1f5fbf", "#1b6e2c", "#d9c84a", "#b03a2e", "#8d8d8d"]
ROOT = pathlib.Path(__file__).parent / "models"
ODD = pathlib.Path(__file__).parent / "odd-models"


def scores(stride, mixing, bias=None):
    """A convolution that averages blocks and mixes their channels; its initializers and its node, which writes `logits`."""
    mixing = numpy.asarray(mixing, numpy.float32)
    weight = numpy.tile(mixing[:, :, None, None] * GAIN / stride**2, (1, 1, stride, stride)).astype(numpy.float32)
    initializers = [numpy_helper.from_array(weight, "weight")]
    inputs = ["input", "weight"]
    if bias is not None:
        initializers.append(numpy_helper.from_array(numpy.asarray(bias, numpy.float32), "bias"))
        inputs.append("bias")
    node = helper.make_node("Conv", inputs, ["logits"], kernel_shape=[stride, stride], strides=[stride, stride])
    return initializers, [node]


def save(name, convolution, tail=(), output="logits", element=TensorProto.FLOAT, shape=None, fixed=None, embedded=False, initializers=(), root=ROOT, channels=3, *, manifest):
    weights, nodes = convolution
    batch, height, width = (1, *fixed) if fixed else ("N", "H", "W")
    graph = helper.make_graph(
        [*nodes, *tail], name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, channels, height, width])],
        [helper.make_tensor_value_info(output, element, shape)],
        [*weights, *initializers])
    model = helper.make_model(graph, producer_name="make_tiny_models.py", opset_imports=[helper.make_opsetid("", OPSET)])
    if embedded:
        helper.set_model_props(model, {"segmentation.manifest": json.dumps({"schema": 1, **manifest})})
    onnx.checker.check_model(model, full_check=True)
    folder = root / name
    (folder / "1").mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "1" / "model.onnx")
    if not embedded:
        (folder / "model.json").write_text(json.dumps({"schema": 1, "name": name, **manifest}, indent=2) + "\n")


def manifest(kind="logits", stride=4, names=NAMES, palette=PALETTE, fixed=None, batch=8, color="RGB", channels=3):
    resize = {"mode": "exact", "size": fixed, "filter": "bilinear", "antialias": False} if fixed else {"mode": "none", "filter": "bilinear", "antialias": False}
    return {
        "graph": {"input": "input", "output": "labels" if kind == "labels" else "probabilities" if kind == "probabilities" else "logits",
                  "max_batch": 1 if fixed else batch, "output_kind": kind, "output_stride": stride},
        "preprocess": {"color": color, "scale": 1 / 255, "mean": [0] * channels, "std": [1] * channels, "resize": resize,
                       "size": {"multiple": stride, "fixed": fixed, "min": 8}, "pad": {"where": "bottom_right", "value": "mean"}},
        "classes": {"names": names, "palette": palette},
        "cost": {"at": [64, 64]},  # the warm-up's size: tests load these models often
    }


def main():
    channels = numpy.eye(3)
    open_shape = ["N", 3, "h", "w"]
    save("tiny", scores(4, channels), shape=open_shape, manifest=manifest())
    save("tiny-embedded", scores(4, channels), shape=open_shape, embedded=True, manifest=manifest())
    save("tiny-stride8", scores(8, channels), shape=open_shape, manifest=manifest(stride=8))
    save("tiny-labels", scores(1, channels),
         [helper.make_node("ArgMax", ["logits"], ["index"], axis=1, keepdims=0),
          helper.make_node("Cast", ["index"], ["labels"], to=TensorProto.UINT8)],
         "labels", TensorProto.UINT8, ["N", "h", "w"], manifest=manifest("labels", stride=1))
    save("tiny-flat-labels", scores(1, channels),
         [helper.make_node("ArgMax", ["logits"], ["index"], axis=1, keepdims=0),
          helper.make_node("Cast", ["index"], ["cast"], to=TensorProto.UINT8),
          helper.make_node("Squeeze", ["cast", "first"], ["labels"])],
         "labels", TensorProto.UINT8, ["h", "w"], initializers=[numpy_helper.from_array(numpy.array([0]), "first")], root=ODD, manifest=manifest("labels", stride=1, batch=1))
    save("tiny-binary", scores(4, [[1, 0, -1]]), shape=["N", 1, "h", "w"],
         manifest=manifest("binary_logit", names=["other", "red"], palette=["#000000", "#ff0000"]))
    save("tiny-probabilities", scores(4, channels), [helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1)],
         "probabilities", shape=open_shape, manifest=manifest("probabilities"))
    save("tiny-fixed", scores(4, channels), shape=[1, 3, 16, 16], fixed=[64, 64], manifest=manifest(fixed=[64, 64]))
    save("tiny-nan", scores(4, channels, bias=[numpy.nan, 0, 0]), shape=open_shape, manifest=manifest())
    save("tiny-wrong-classes", scores(4, channels), shape=open_shape,
         manifest=manifest(names=[*NAMES, "yellow"], palette=[*PALETTE, "#ffff00"]))
    # One channel, declared and left open: dark, mid or light gray. Four channels: red, green, blue and near infrared.
    gray = scores(1, [[-1], [0], [1]], bias=[GAIN / 3, 0, -GAIN * 2 / 3])
    for name, declared in ("tiny-gray", 1), ("tiny-gray-open", "C"):
        save(name, gray, shape=open_shape, root=ODD, channels=declared,
             manifest=manifest(stride=1, names=["dark", "mid", "light"], color="gray", channels=1))
    # Twelve bands of a satellite, as make_geo.py draws them; each class likes some bands and dislikes others.
    weights = numpy.random.default_rng(12).normal(size=(len(COVERS), 12))
    bands = manifest(stride=1, names=COVERS, palette=COVER_PALETTE, color="bands", channels=12)
    bands["preprocess"].pop("scale")
    bands["preprocess"] |= {
        "bands": [{"name": f"B{band:02}", "index": band} for band in range(1, 13)],
        "value_scaling": [{"type": "clip", "minimum": 0, "maximum": 10000}, {"type": "scale", "value": 10000}],
        "nodata": "from_file", "mean": [0.15] * 12, "std": [0.1] * 12}
    bands["classes"]["ignore"] = 255
    bands["postprocess"] = {"nodata_label": 255}
    save("tiny-twelve", scores(1, weights), shape=["N", len(COVERS), "h", "w"], root=ODD, channels=12, manifest=bands)
    save("tiny-four", scores(1, numpy.eye(4)), shape=["N", 4, "h", "w"], root=ODD, channels=4,
         manifest=manifest(stride=1, names=[*NAMES, "near"], palette=[*PALETTE, "#ffffff"], channels=4))


main()

#!/usr/bin/python3
"""Makes tests/assets/modes/models/exact: three dilated convolutions with a receptive field of 15 pixels, so that a pixel's scores depend on 7 pixels to each side.

Weights are -1, 0 or 1 over a power of two, and pixels are integers: every sum is exact in float32, whatever the order of its terms. So the scores of a tile
equal those of the whole image bit by bit, wherever the edge of the tile is out of sight.

    /usr/bin/python3 tests/assets/make_seam_model.py      (onnx 1.12, NumPy 1.24)
"""
import json
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent / "modes" / "models" / "exact"
CLASSES = 4

random = numpy.random.default_rng(7)
nodes, weights, inputs, last = [], [], 3, "image"
for layer, (outputs, dilation, scale) in enumerate([(8, 1, 16), (8, 2, 16), (CLASSES, 4, 64)]):
    values = random.integers(-1, 2, (outputs, inputs, 3, 3)).astype(numpy.float32)
    values -= numpy.round(values.mean((1, 2, 3), keepdims=True) * 9 * inputs) * (numpy.arange(9 * inputs).reshape(1, inputs, 3, 3) == 0)  # no brightness
    weights.append(numpy_helper.from_array(values / scale, f"weight{layer}"))
    name = "scores" if outputs == CLASSES else f"features{layer}"
    nodes.append(helper.make_node("Conv", [last, f"weight{layer}"], [name], kernel_shape=[3, 3], dilations=[dilation] * 2, pads=[dilation] * 4))
    last = name
    if outputs != CLASSES:
        nodes.append(helper.make_node("Relu", [name], [f"relu{layer}"]))
        last = f"relu{layer}"
    inputs = outputs
graph = helper.make_graph(
    nodes, "exact", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])],
    [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES, "H", "W"])], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
onnx.checker.check_model(model)
(FOLDER / "1").mkdir(parents=True, exist_ok=True)
onnx.save(model, FOLDER / "1" / "model.onnx")
manifest = {
    "schema": 1, "name": "exact", "graph": {"max_batch": 4, "output_kind": "logits", "output_stride": 1},
    "preprocess": {"color": "RGB", "scale": 1, "mean": [0, 0, 0], "std": [1, 1, 1], "resize": {"mode": "none", "filter": "bilinear", "antialias": True},
                   "size": {"multiple": 1, "min": 8}, "pad": {}},
    "classes": {"names": [f"class {i}" for i in range(CLASSES)], "palette": "voc"}, "cost": {"at": [32, 32]},
}
(FOLDER / "model.json").write_text(json.dumps(manifest, indent=2) + "\n")

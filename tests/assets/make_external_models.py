#!/usr/bin/python3
"""Makes tests/assets/external: the network `tiny` with its weights in a file beside it, and one that points out of its folder.

    /usr/bin/python3 tests/assets/make_external_models.py      (onnx 1.12)
"""
import pathlib

import numpy
from onnx import TensorProto, helper, numpy_helper, save
from onnx.external_data_helper import set_external_data

ROOT = pathlib.Path(__file__).parent / "external"
WEIGHT = numpy.ascontiguousarray(numpy.tile(numpy.eye(3, dtype=numpy.float32)[:, :, None, None] * 8.0 / 16, (1, 1, 4, 4)))


def write(name, location):
    weight = numpy_helper.from_array(WEIGHT, "weight")
    set_external_data(weight, location=location, offset=0, length=WEIGHT.nbytes)
    weight.ClearField("raw_data")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight"], ["logits"], kernel_shape=[4, 4], strides=[4, 4])], name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)], [weight])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)]), str(ROOT / f"{name}.onnx"))


ROOT.mkdir(exist_ok=True)
(ROOT / "weights.bin").write_bytes(WEIGHT.tobytes())
write("beside", "weights.bin")
write("parent", "../weights.bin")

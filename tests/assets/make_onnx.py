#!/usr/bin/python3
"""Makes tests/assets/onnx: models of a few hundred bytes, each with one part of the ONNX format that readers miss.

    /usr/bin/python3 tests/assets/make_onnx.py      (onnx 1.12)
"""
import pathlib
import struct

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).parent / "onnx"
FLOAT = TensorProto.FLOAT


def values(name, shape=("N",), element=FLOAT):
    return helper.make_tensor_value_info(name, element, shape)


def save(name, graph, opsets=(("", 16),), functions=(), change=None, check=True):
    model = helper.make_model(
        graph, producer_name="make_onnx.py", ir_version=8, functions=list(functions),
        opset_imports=[helper.make_opsetid(*opset) for opset in opsets])
    if change is not None:
        change(model)
    onnx.save(model, ROOT / f"{name}.onnx")
    if check:
        onnx.checker.check_model(str(ROOT / f"{name}.onnx"))


def conv():
    """y = relu(conv(x) + bias); the bias is a Constant node. The weights sum the channels with 1, 2 and 4."""
    weight = numpy_helper.from_array(numpy.asarray([1, 2, 4], numpy.float32).reshape(1, 3, 1, 1), "weight")
    bias = helper.make_node("Constant", [], ["bias"], value=numpy_helper.from_array(numpy.asarray([-3], numpy.float32), "bias_value"))
    nodes = [bias, helper.make_node("Conv", ["x", "weight", "bias"], ["sum"], name="conv", kernel_shape=[1, 1]), helper.make_node("Relu", ["sum"], ["y"])]
    save("conv", helper.make_graph(
        nodes, "conv", [values("x", ["N", 3, "H", "W"])], [values("y", ["N", 1, "H", "W"])], [weight], value_info=[values("sum", None)]))


def external():
    """y = x + weight, whose data are the bytes 8 to 24 of external.bin."""
    weight = TensorProto(name="weight", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "external.bin"), ("offset", "8"), ("length", "16"), ("checksum", "none")):
        weight.external_data.add(key=key, value=value)
    (ROOT / "external.bin").write_bytes(bytes(8) + struct.pack("<4f", 1, 2, 3, 4))
    save("external", helper.make_graph([helper.make_node("Add", ["x", "weight"], ["y"])], "external", [values("x", [4])], [values("y", [4])], [weight]))


def subgraphs():
    """y = x + 1 where the condition holds, else x * two; both branches capture values of the outer graph, `two` and `doubled` in an inner If."""
    one = numpy_helper.from_array(numpy.asarray([1], numpy.float32), "one")
    two = numpy_helper.from_array(numpy.asarray([2], numpy.float32), "two")
    inner = helper.make_graph([helper.make_node("Mul", ["scaled", "two"], ["inner_out"])], "inner", [], [values("inner_out")])
    other = helper.make_graph([helper.make_node("Identity", ["scaled"], ["other_out"])], "other", [], [values("other_out")])
    then = helper.make_graph([helper.make_node("Add", ["scaled", "one"], ["then_out"])], "then", [], [values("then_out")], [one])
    orelse = helper.make_graph(
        [helper.make_node("If", ["condition"], ["else_out"], then_branch=other, else_branch=inner)], "else", [], [values("else_out")])
    nodes = [
        helper.make_node("Abs", ["x"], ["scaled"]),
        helper.make_node("If", ["condition"], ["y"], then_branch=then, else_branch=orelse),
    ]
    save("subgraphs", helper.make_graph(nodes, "subgraphs", [values("x"), values("condition", [], TensorProto.BOOL)], [values("y")], [two]))


def typed():
    """A tensor of each type in the field of its type; each holds 1 and 0, or what only its type can hold."""
    tensors = [
        helper.make_tensor("float32", FLOAT, [2], [1.5, -2]), helper.make_tensor("float64", TensorProto.DOUBLE, [2], [1.25, -1e300]),
        helper.make_tensor("int64", TensorProto.INT64, [2], [-1, 2**62]), helper.make_tensor("int32", TensorProto.INT32, [2], [-1, 2**31 - 1]),
        helper.make_tensor("int16", TensorProto.INT16, [2], [-1, 300]), helper.make_tensor("int8", TensorProto.INT8, [2], [-1, 127]),
        helper.make_tensor("uint8", TensorProto.UINT8, [2], [0, 255]), helper.make_tensor("uint16", TensorProto.UINT16, [2], [0, 65535]),
        helper.make_tensor("uint32", TensorProto.UINT32, [2], [0, 2**32 - 1]), helper.make_tensor("uint64", TensorProto.UINT64, [2], [0, 2**63]),
        helper.make_tensor("bool", TensorProto.BOOL, [2], [True, False]), helper.make_tensor("float16", TensorProto.FLOAT16, [2], [1.5, -2]),
        helper.make_tensor("bfloat16", TensorProto.BFLOAT16, [2], [1.5, -2]), helper.make_tensor("complex64", TensorProto.COMPLEX64, [1], [1 + 2j]),
        helper.make_tensor("string", TensorProto.STRING, [2], [b"cat", "straße".encode()]),
        helper.make_tensor("scalar", FLOAT, [], [7]), helper.make_tensor("empty", FLOAT, [0], []),
        numpy_helper.from_array(numpy.arange(6, dtype=numpy.int64).reshape(2, 3), "raw"),
    ]
    save("typed", helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "typed", [values("x")], [values("y")], tensors))


def varint(value):
    out = bytearray()
    value &= 2**64 - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    """A field by the type of its Python value."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def unpacked():
    """What other writers make: data of tensors unpacked, dims and ints packed, fields out of order, unknown fields in every message."""
    unknown = field(1000, "kept") + field(1001, 5) + field(1002, 2.0)
    floats = field(8, "floats") + field(2, 1) + field(1, varint(3)) + field(4, 1.5) + field(4, -2.0) + unknown + field(4, struct.pack("<f", 3))
    ints = field(8, "ints") + field(2, 7) + field(1, varint(2)) + field(7, -1) + field(7, 5)
    attribute = field(1, "perm") + field(8, varint(1)) + field(8, 0) + field(20, 7) + unknown
    node = field(1, "x") + field(2, "y") + field(4, "Transpose") + field(5, attribute) + unknown
    dimension = field(2, "N") + unknown
    shape = field(1, dimension) + field(1, field(1, 0)) + unknown
    kind = field(1, field(1, 1) + field(2, shape) + unknown) + unknown
    inout = [field(number, field(1, name) + field(2, kind) + unknown) for number, name in ((11, "x"), (12, "y"))]
    graph = field(5, floats) + field(5, ints) + field(1, node) + field(2, "unpacked") + b"".join(inout) + unknown
    model = field(8, field(2, 16) + unknown) + field(7, graph) + field(14, field(1, "key") + field(2, "value") + unknown) + field(1, 8) + unknown
    (ROOT / "unpacked.onnx").write_bytes(model)
    read = onnx.load(ROOT / "unpacked.onnx")
    assert list(read.graph.initializer[0].float_data) == [1.5, -2, 3] and list(read.graph.node[0].attribute[0].ints) == [1, 0]


def sparse():
    """y = x + weight; weight is [0, 5, 0, 7], stored sparse."""
    data = helper.make_tensor("weight", FLOAT, [2], [5, 7])
    indices = helper.make_tensor("weight_indices", TensorProto.INT64, [2], [1, 3])
    graph = helper.make_graph([helper.make_node("Add", ["x", "weight"], ["y"])], "sparse", [values("x", [4])], [values("y", [4])])
    graph.sparse_initializer.append(helper.make_sparse_tensor(data, indices, [4]))
    save("sparse", graph)


def functions():
    """y = twice(x), defined by the model, whose body calls an operator of somebody's library; so does a branch."""
    twice = helper.make_function(
        "local", "Twice", ["a"], ["b"],
        [helper.make_node("Add", ["a", "a"], ["sum"]), helper.make_node("Scale", ["sum"], ["b"], domain="vendor")],
        [helper.make_opsetid("", 16), helper.make_opsetid("vendor", 1)])
    branch = helper.make_graph([helper.make_node("Nms", ["x"], ["branch_out"], domain="mmdeploy")], "branch", [], [values("branch_out")])
    nodes = [
        helper.make_node("Twice", ["x"], ["t"], domain="local"),
        helper.make_node("Gelu", ["t"], ["g"], domain="com.microsoft"),
        helper.make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch),
    ]
    save(
        "functions", helper.make_graph(nodes, "functions", [values("x"), values("condition", [], TensorProto.BOOL)], [values("y")]),
        (("", 16), ("local", 1), ("com.microsoft", 1), ("mmdeploy", 1)), [twice], check=False)


def metadata():
    """Metadata, annotations, texts for people, and values that are no tensors."""
    def change(model):
        helper.set_model_props(model, {"names": "{0: 'road', 1: 'tree'}", "stride": "8", "empty": ""})
        model.domain, model.model_version, model.doc_string, model.producer_version = "org.example", 3, "For people.", "1.2"
        model.graph.doc_string = "A graph."
        annotation = model.graph.quantization_annotation.add(tensor_name="y")
        annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="y_scale")
        model.graph.input[0].type.denotation = "IMAGE"
        model.graph.input[0].type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
        for dim in (0, -1):
            model.graph.input[0].type.tensor_type.shape.dim.add(dim_value=dim)
        model.graph.input[0].type.tensor_type.shape.dim.add()

    sequence = helper.make_tensor_sequence_value_info("s", FLOAT, None)
    optional = helper.make_value_info("o", helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, [1])))
    save(
        "metadata", helper.make_graph(
            [helper.make_node("Identity", ["x"], ["y"], name="id", doc_string="A node.")], "metadata",
            [values("x", ["N", 3], TensorProto.UINT8), sequence, optional], [values("y", None, TensorProto.UINT8)]),
        (("", 16), ("ai.onnx.ml", 3)), change=change, check=False)


if __name__ == "__main__":
    ROOT.mkdir(exist_ok=True)
    for make in (conv, external, subgraphs, typed, unpacked, sparse, functions, metadata):
        make()

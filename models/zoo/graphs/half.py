"""Half precision. `to_half`: the graph computes in float16, and takes and gives float32, as the server does. `store_half`: the graph computes in
float32 as before, and its file is half as large."""
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Inputs that ONNX wants in float32 whatever the data are: roi and scales of Resize.
KEEP_FLOAT = {"Resize": (1, 2)}
LARGEST = 65504.0


def to_half(model):
    """Returns the graph with float16 weights and operators. Weights beyond float16 are an error; activations beyond it show as NaN when the server tries the model."""
    graph = model.graph
    kept = {node.input[i] for node in graph.node for i in KEEP_FLOAT.get(node.op_type, ()) if i < len(node.input) and node.input[i]}
    for initializer in graph.initializer:
        if initializer.data_type == TensorProto.FLOAT and initializer.name not in kept:
            convert(initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT and not kept.intersection(node.output):
                convert(attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT and not kept.intersection(node.output):
                attribute.i = TensorProto.FLOAT16
    image, result = graph.input[0], graph.output[0]
    rename(graph, image.name, image.name + "_half", inputs=True)
    nodes = [helper.make_node("Cast", [image.name], [image.name + "_half"], to=TensorProto.FLOAT16), *graph.node]
    if result.type.tensor_type.elem_type == TensorProto.FLOAT:
        rename(graph, result.name, result.name + "_half", inputs=False)
        nodes.append(helper.make_node("Cast", [result.name + "_half"], [result.name], to=TensorProto.FLOAT))
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def store_half(model):
    """Stores kernels in float16, which a session makes float32 again when it is opened. Only kernels that float16 holds exactly, such as those of
    `rounded`, so that the graph computes what it did."""
    graph, casts = model.graph, []
    for initializer in graph.initializer:
        if initializer.data_type == TensorProto.FLOAT and len(initializer.dims) > 1:
            name, before = initializer.name, numpy_helper.to_array(initializer)
            convert(initializer)
            if not np.array_equal(numpy_helper.to_array(initializer).astype(np.float32), before):
                raise ValueError(f"{name} holds values that float16 does not.")
            initializer.name = name + "_half"
            casts.append(helper.make_node("Cast", [initializer.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


@torch.no_grad()
def rounded(network):
    """A trained network for `store_half`: batch normalisations folded into the convolutions before them, kernels rounded to float16."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for i, (layer, following) in enumerate(zip(module, [*module][1:])):
                if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                    module[i], module[i + 1] = fuse_conv_bn_eval(layer, following), nn.Identity()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.copy_(parameter.half().float())
    return network


def convert(tensor):
    values = numpy_helper.to_array(tensor)
    if np.abs(values).max(initial=0) > LARGEST:
        raise ValueError(f"{tensor.name} holds {np.abs(values).max():.3g}, which float16 cannot: keep this model in fp32.")
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), tensor.name))


def rename(graph, old, new, inputs):
    """In the nodes that read a tensor; with inputs=False in those that write it, too."""
    for node in graph.node:
        for names in (node.input,) if inputs else (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new

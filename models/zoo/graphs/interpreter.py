"""Runs an exported graph in PyTorch, operator by operator, against which the tests hold PyTorch itself.

Only the operators that the zoo's graphs are made of; half as fast as PyTorch alone, and exact enough to compare with it.
"""
import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional as F

TYPES = {onnx.TensorProto.FLOAT: torch.float32, onnx.TensorProto.INT64: torch.int64, onnx.TensorProto.BOOL: torch.bool, onnx.TensorProto.UINT8: torch.uint8,
         onnx.TensorProto.INT32: torch.int32, onnx.TensorProto.INT8: torch.int8, onnx.TensorProto.FLOAT16: torch.float16}


def tensor(proto):
    return torch.from_numpy(numpy_helper.to_array(proto).copy())


def attributes(node):
    return {a.name: tensor(a.t) if a.type == onnx.AttributeProto.TENSOR else onnx.helper.get_attribute_value(a) for a in node.attribute}


def symmetric(pads):
    half = len(pads) // 2
    if list(pads[:half]) != list(pads[half:]):
        raise NotImplementedError(f"pads {pads}")
    return list(pads[:half])


def convolution(x, weight, bias=None, *, strides=None, pads=None, dilations=None, group=1, **_):
    run = F.conv1d if weight.dim() == 3 else F.conv2d
    ones = [1] * (weight.dim() - 2)
    return run(x, weight, bias, strides or ones, symmetric(pads or [0, 0] * len(ones)), dilations or ones, group)


def transposed(x, weight, bias=None, *, strides, pads=None, group=1, **_):
    return F.conv_transpose2d(x, weight, bias, strides, symmetric(pads or [0] * 4), groups=group)


def max_pool(x, *, kernel_shape, strides=None, pads=None, ceil_mode=0, **_):
    out, indices = F.max_pool2d(x, kernel_shape, strides or [1, 1], symmetric(pads or [0] * 4), ceil_mode=bool(ceil_mode), return_indices=True)
    planes = torch.arange(x.shape[0] * x.shape[1]).view(x.shape[0], x.shape[1], 1, 1) * x.shape[2] * x.shape[3]
    return out, indices + planes  # ONNX counts through the whole tensor


def resize(x, roi=None, scales=None, sizes=None, *, mode, coordinate_transformation_mode=b"half_pixel", **_):
    if mode != b"linear":
        raise NotImplementedError(f"Resize with mode {mode}")
    how = {"mode": "bilinear", "align_corners": coordinate_transformation_mode == b"align_corners"}
    if sizes is not None and sizes.numel():
        return F.interpolate(x, size=sizes[2:].tolist(), **how)
    return F.interpolate(x, scale_factor=scales[2:].tolist(), recompute_scale_factor=False, **how)


def cut(x, starts, ends, axes=None, steps=None):
    index = [slice(None)] * x.dim()
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist())):
        axis, step = axes[i].item() if axes is not None else i, steps[i].item() if steps is not None else 1
        if step < 0:
            x, start, end = x.flip(axis), max(-1 - start, 0) if start < 0 else max(x.shape[axis] - 1 - start, 0), x.shape[axis] if end < -x.shape[axis] else -1 - end
            step = -step
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


def pad(x, pads, value=None, *, mode=b"constant"):
    half = len(pads) // 2
    sides = [int(p) for axis in reversed(range(half)) for p in (pads[axis], pads[axis + half])]
    return F.pad(x, sides[:4], mode.decode()) if mode != b"constant" else F.pad(x, sides, value=0.0 if value is None else value.item())


def mean(x, *, axes, keepdims=1):
    return x.mean(list(axes), keepdim=bool(keepdims))


def reshape(x, shape, **_):
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape.tolist())])


def quantize(x, scale, zero):
    kind = torch.iinfo(zero.dtype)
    return (torch.round(x / scale) + zero).clamp(kind.min, kind.max).to(zero.dtype)


def dequantize(x, scale, zero, *, axis=1):
    shape = [-1 if scale.dim() and i == axis else 1 for i in range(x.dim())]
    return (x.to(torch.float32) - zero.reshape(shape)) * scale.reshape(shape)


OPERATORS = {
    "QuantizeLinear": quantize, "DequantizeLinear": dequantize,
    "Conv": convolution, "ConvTranspose": transposed, "MaxPool": max_pool, "Resize": resize, "Slice": cut, "Pad": pad, "ReduceMean": mean, "Reshape": reshape,
    "ReduceSum": lambda x, axes, *, keepdims=1: x.sum(axes.tolist(), keepdim=bool(keepdims)),
    "AveragePool": lambda x, *, kernel_shape, strides, pads=(0, 0, 0, 0), count_include_pad=0, **_:
        F.avg_pool2d(x, kernel_shape, strides, symmetric(pads), count_include_pad=bool(count_include_pad)),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "BatchNormalization": lambda x, scale, bias, m, v, *, epsilon=1e-5, **_: F.batch_norm(x, m, v, scale, bias, eps=epsilon),
    "Relu": F.relu, "Sigmoid": torch.sigmoid, "Clip": lambda x, low, high: x.clamp(low.item(), high.item()),
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "MatMul": torch.matmul, "Pow": torch.pow, "Max": lambda *all: all[0] if len(all) == 1 else torch.maximum(*all),
    "Div": lambda a, b: a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc"),
    "Less": torch.lt, "GreaterOrEqual": torch.ge, "Equal": torch.eq, "And": torch.logical_and, "Not": torch.logical_not, "Where": torch.where,
    "Concat": lambda *all, axis: torch.cat(all, axis), "Transpose": lambda x, *, perm: x.permute(*perm), "Identity": lambda x: x,
    "Shape": lambda x, *, start=0, end=None: torch.tensor(x.shape[start:end]),
    "Gather": lambda x, i, *, axis=0: x.index_select(axis, i.flatten()).reshape([*x.shape[:axis], *i.shape, *x.shape[axis + 1:]]),
    "Unsqueeze": lambda x, axes: x.reshape(()).reshape([1] * len(axes)) if x.dim() == 0 else x.unsqueeze(axes.item()),
    "Squeeze": lambda x, axes: x.squeeze(axes.item()), "Flatten": lambda x, *, axis=1: x.flatten(axis),
    "Cast": lambda x, *, to: x.to(TYPES[to]), "Range": lambda a, b, c: torch.arange(a.item(), b.item(), c.item()),
    "ConstantOfShape": lambda shape, *, value: value.expand(shape.tolist()).clone(), "Expand": lambda x, shape: x * torch.ones(shape.tolist(), dtype=x.dtype),
    "ScatterElements": lambda x, i, updates, *, axis=0: x.scatter(axis, i, updates), "ArgMax": lambda x, *, axis, keepdims=1, **_: x.argmax(axis, keepdim=bool(keepdims)),
    "Constant": lambda *, value: value,
}


@torch.no_grad()
def run(model, image):
    """The graph's output for an image of N×3×H×W."""
    graph = model.graph
    values = {i.name: tensor(i) for i in graph.initializer}
    values[graph.input[0].name] = image
    last_reader = {name: i for i, node in enumerate(graph.node) for name in node.input}
    for i, node in enumerate(graph.node):
        if node.op_type not in OPERATORS:
            raise NotImplementedError(f"The operator {node.op_type} is not known to the interpreter.")
        out = OPERATORS[node.op_type](*[values[name] if name else None for name in node.input], **attributes(node))
        for name, value in zip(node.output, out if isinstance(out, tuple) else (out,)):
            values[name] = value
        for name in node.input:
            if last_reader[name] == i and name != graph.output[0].name:
                values.pop(name, None)  # a large network's tensors would not fit together
    return values[graph.output[0].name]

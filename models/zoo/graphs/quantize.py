"""8 bits: QuantizeLinear and DequantizeLinear round about convolutions and what lies between them, which runtimes fuse into integer operators.

Weights are symmetric, one scale for each output channel; activations asymmetric, one scale for each tensor, from their range over calibration images.
"""
import numpy as np
import onnx
from onnx import helper, numpy_helper

from .interpreter import run

# Operators that runtimes have in integers, too, beside the convolution. The rest stays in float32, between DequantizeLinear and QuantizeLinear.
FOLLOWING = ("Add", "Concat", "MaxPool", "GlobalAveragePool")
ACTIVATIONS = ("Relu", "Clip")
# 7 bits, so that sums of two products fit 16 bits: processors without VNNI add them there, and saturate.
WEIGHT_LIMIT = 63
OUTLIERS = 1e-4  # share of the values that is cut off at either end of a range


def quantize(model, images):
    """Returns the graph in 8 bits. images: normalised, 1×3×H×W each; some tens that are like those to be served.

    The last convolutions, which give the logits, stay in float32: 256 steps would make ties of near classes.
    """
    drop_identities(model.graph)
    plan = Plan(model.graph)
    ranges = Ranges()
    for image in images:
        run(model, image, lambda name, value: ranges.see(name, value) if name in plan.tensors else None)
    Rewriter(model.graph, plan, ranges).rewrite()
    onnx.checker.check_model(model)
    return model


def drop_identities(graph):
    """The exporter leaves some where weights are shared."""
    same = {}
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = same.get(name, name)
        if node.op_type == "Identity" and node.output[0] != graph.output[0].name:
            same[node.output[0]] = node.input[0]
    kept = [node for node in graph.node if node.output[0] not in same]
    del graph.node[:]
    graph.node.extend(kept)


class Plan:
    """Which nodes compute in integers, which tensors go through 8 bits, and which activations saturation makes superfluous."""

    def __init__(self, graph):
        self.consumers = {}
        for node in graph.node:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        weights = {i.name for i in graph.initializer}
        last = self.last_convolutions(graph)
        convolutions = {n.output[0] for n in graph.node if n.op_type == "Conv" and n.input[1] in weights and n.output[0] not in last}
        self.nodes, self.tensors = set(convolutions), set()
        for node in graph.node:
            if node.output[0] in convolutions:
                self.tensors |= {node.input[0], self.result(node)}
        for node in reversed(graph.node):
            if node.op_type == "Concat" and node.output[0] in self.tensors:
                self.tensors |= set(node.input)
        for node in graph.node:
            if node.op_type in FOLLOWING and len(node.output) == 1 and self.tensors.issuperset(node.input):
                self.nodes.add(node.output[0])
                self.tensors.add(self.result(node))

    def activation(self, node):
        """The ReLU that is the only reader of a node's output, or None: quantisation saturates where it would cut."""
        readers = self.consumers.get(node.output[0], [])
        return readers[0] if len(readers) == 1 and readers[0].op_type in ACTIVATIONS else None

    def result(self, node):
        return (self.activation(node) or node).output[0]

    @staticmethod
    def last_convolutions(graph):
        producers, last, seen = {o: n for n in graph.node for o in n.output}, set(), set()
        waiting = [graph.output[0].name]
        while waiting:
            node = producers.get(waiting.pop())
            if node is None or node.output[0] in seen:
                continue
            seen.add(node.output[0])
            if node.op_type == "Conv":
                last.add(node.output[0])
            else:
                waiting.extend(node.input)
        return last


class Ranges:
    """Smallest and largest value of each tensor over all images, without outliers."""

    def __init__(self):
        self.low, self.high = {}, {}

    def see(self, name, value):
        flat = value.flatten()
        cut = 1 + int(flat.numel() * OUTLIERS)
        low, high = flat.kthvalue(cut).values.item(), flat.kthvalue(flat.numel() + 1 - cut).values.item()
        self.low[name], self.high[name] = min(low, self.low.get(name, low)), max(high, self.high.get(name, high))

    def parameters(self, name):
        """Scale and zero point of unsigned 8 bits; 0 is exact, as padding and ReLU want it."""
        low, high = min(self.low[name], 0.0), max(self.high[name], 0.0)
        scale = max(high - low, 1e-6) / 255
        return np.float32(scale), np.uint8(round(-low / scale))


class Rewriter:
    def __init__(self, graph, plan, ranges):
        self.graph, self.plan, self.ranges = graph, plan, ranges
        self.weights = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.nodes, self.constants, self.back, self.steps = [], [], {}, {}

    def rewrite(self):
        image = self.graph.input[0].name
        if image in self.plan.tensors:
            self.through_8_bits(image, image, self.ranges.parameters(image))
        superfluous = set()
        for node in self.graph.node:
            if node.output[0] in superfluous:
                continue
            integer = node.output[0] in self.plan.nodes
            if integer and node.op_type == "Conv":
                self.quantize_weights(node)
            first = node.input[0] if node.input else None
            for i, name in enumerate(node.input):
                node.input[i] = self.back.get(name, name)
            self.nodes.append(node)
            result = self.plan.result(node) if integer else node.output[0]
            if result in self.plan.tensors:
                superfluous.add(result if result != node.output[0] else None)
                # A maximum is one of its inputs: the same steps, so that it can be taken of integers.
                parameters = self.steps[first] if integer and node.op_type == "MaxPool" else self.ranges.parameters(result)
                self.through_8_bits(node.output[0], result, parameters)
        used = {name for node in self.nodes for name in node.input}
        initializers = [i for i in self.graph.initializer if i.name in used] + self.constants
        del self.graph.node[:], self.graph.value_info[:], self.graph.initializer[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend(initializers)

    def through_8_bits(self, tensor, result, parameters):
        """Whatever read `result` reads a copy of `tensor` that went through 8 bits."""
        self.steps[result] = parameters
        scale, zero = self.constant(f"{result}_scale", parameters[0]), self.constant(f"{result}_zero", parameters[1])
        self.nodes.append(helper.make_node("QuantizeLinear", [tensor, scale, zero], [f"{result}_8"]))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{result}_8", scale, zero], [f"{result}_back"]))
        self.back[result] = f"{result}_back"

    def quantize_weights(self, node):
        name = node.input[1]
        weight = self.weights[name]
        scales = (np.maximum(np.abs(weight).reshape(len(weight), -1).max(1), 1e-8) / WEIGHT_LIMIT).astype(np.float32)
        if name not in self.back:
            rounded = np.round(weight / scales.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8)
            self.dequantize(name, rounded, scales)
        if len(node.input) > 2:
            step = scales * self.steps[node.input[0]][0]
            bias = np.round(self.weights[node.input[2]] / step).clip(-2.0**31, 2.0**31 - 128).astype(np.int32)
            own = f"{node.output[0]}_bias"
            self.dequantize(own, bias, step)
            node.input[2] = own

    def dequantize(self, name, values, scales):
        inputs = [self.constant(f"{name}_integer", values), self.constant(f"{name}_scale", scales), self.constant(f"{name}_zero", np.zeros(len(scales), values.dtype))]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [f"{name}_back"], axis=0))
        self.back[name] = f"{name}_back"

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

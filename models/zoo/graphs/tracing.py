"""From PyTorch to ONNX."""
import inspect

import onnx
import torch
from torch import nn

from preprocessing import legal_size

OPSET = 16
OUTPUTS = ("logits", "stride", "labels")


class Head(nn.Module):
    """Ends a system where a server wants it to: at its own grid, at the image's size, or in labels of one byte."""

    def __init__(self, network, outputs):
        super().__init__()
        self.network, self.outputs = network, outputs

    def forward(self, image):
        if self.outputs == "stride":
            return self.network(image)
        logits = self.network.upsampled(image)
        return logits.argmax(1, keepdim=True).to(torch.uint8) if self.outputs == "labels" else logits


def export(network, outputs, file, size=(163, 201)):
    """Writes a graph with input `input` and output `logits` or `labels`. Batch, height and width stay open unless the network's size is fixed.

    The traced size is odd where that is legal, so that a size frozen by mistake shows.
    """
    name = "labels" if outputs == "labels" else "logits"
    axes = {0: "batch"} if network.fixed else {0: "batch", 2: "height", 3: "width"}
    # The newer exporter of PyTorch 2 writes other graphs; both PyTorch 1.13 and 2 have this one.
    legacy = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        Head(network, outputs).eval(), torch.zeros(1, 3, *legal_size(size, network.size)), str(file), opset_version=OPSET,
        input_names=["input"], output_names=[name], dynamic_axes={"input": axes, name: dict(axes)}, **legacy)
    graph = onnx.load(str(file))
    onnx.checker.check_model(graph)
    return graph

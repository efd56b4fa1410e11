"""Exported graphs compute what PyTorch does, in full and in half precision."""
import numpy as np
import onnx
import pytest
import torch

import systems
from export_trained import fold_and_export
from graphs import half, interpreter, tracing
from street.fcn8s import Fcn8s
from preprocessing import legal_size
from randomise import randomise

# Between them: every kind of resize, pooling, unpooling, crop and pad that the systems have.
VARIANTS = [
    ("fcn8s", "vgg16", "logits", {"width": 1 / 32}), ("fcn8s", "resnet18", "labels", {"width": 1 / 16}), ("deeplabv1-msc", "vgg16", "logits", {"width": 1 / 16}),
    ("deeplabv2-msc", "resnet50", "stride", {"width": 1 / 16}), ("deeplabv3plus", "resnet50", "logits", {"width": 1 / 16}),
    ("refinenet", "resnet50", "stride", {"width": 1 / 32}), ("unet", "bilinear", "logits", {"width": 1 / 16}), ("unet", "original", "logits", {"width": 1 / 16}),
    ("pspnet", "resnet50", "stride", {"width": 1 / 16}), ("hrnetv2", "w18", "stride", {"width": 4 / 18, "modules": (1, 1, 1)}), ("segnet", "vgg16", "logits", {"width": 1 / 16}),
    ("dsrl", "resnet50", "logits", {"width": 1 / 16}), ("hanet", "resnet50", "stride", {"width": 1 / 16}), ("spnet", "resnet50", "stride", {"width": 1 / 16}),
    ("cpnet", "resnet50", "stride", {"width": 1 / 16, "size": (64, 96)}),
]


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def exported(tmp_path, system, backbone, outputs, options, classes=4):
    network = systems.create(system, backbone, classes, **options)
    randomise(network, 3, noise(4, 3, *legal_size((96, 128), network.size)))
    return network, tracing.export(network, outputs, tmp_path / "model.onnx", (97, 129))


@pytest.mark.parametrize("system, backbone, outputs, options", VARIANTS, ids=str)
@torch.no_grad()
def test_a_graph_equals_pytorch_at_a_size_that_was_not_traced(tmp_path, system, backbone, outputs, options):
    network, graph = exported(tmp_path, system, backbone, outputs, options)
    image = noise(2, 3, *legal_size((71, 113), network.size))
    expected, actual = tracing.Head(network, outputs)(image), interpreter.run(graph, image)
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    if outputs == "labels":
        assert (actual == expected).float().mean() > 0.999
    else:
        assert torch.allclose(actual, expected, atol=1e-3)


def test_half_precision_keeps_float32_at_both_ends(tmp_path):
    network, graph = exported(tmp_path, "pspnet", "resnet50", "stride", {"width": 1 / 16})
    image = noise(1, 3, 97, 129)
    expected = interpreter.run(graph, image)
    graph = half.to_half(graph)
    onnx.checker.check_model(graph)
    assert [v.type.tensor_type.elem_type for v in (*graph.graph.input, *graph.graph.output)] == [onnx.TensorProto.FLOAT] * 2
    assert not [i.name for i in graph.graph.initializer if i.data_type == onnx.TensorProto.FLOAT and len(i.dims) == 4]
    assert sum(n.op_type == "Cast" and n.input[0] == "input" for n in graph.graph.node) == 1
    assert expected.dtype == torch.float32


@torch.no_grad()
def test_weights_stored_in_half_precision_compute_in_float32(tmp_path):
    network = Fcn8s(4, widths=(8, 12, 16, 24)).eval()
    randomise(network, 3, noise(4, 3, 96, 128))
    image, before = noise(1, 3, 64, 96), sum(p.numel() for p in network.parameters())
    expected, rounded = network(image), half.rounded(network)
    file = tmp_path / "model.onnx"
    graph = half.store_half(fold_and_export(rounded, file))
    onnx.save(graph, str(file))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in rounded.modules())
    assert torch.allclose(rounded(image), expected, atol=2e-2 * expected.abs().max())
    assert torch.allclose(interpreter.run(graph, image), rounded(image), atol=1e-4)
    assert file.stat().st_size < 2.3 * before + 60_000


def test_values_that_half_precision_does_not_hold_are_an_error(tmp_path):
    graph = fold_and_export(Fcn8s(4, widths=(8, 12, 16, 24)).eval(), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="float16 does not"):
        half.store_half(graph)


def test_weights_beyond_half_precision_are_an_error(tmp_path):
    _, graph = exported(tmp_path, "unet", "transposed", "logits", {"width": 1 / 16})
    graph.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.full((4,), 1e6, np.float32), graph.graph.initializer[0].name))
    with pytest.raises(ValueError, match="float16"):
        half.to_half(graph)

"""What reads ImageNet's ResNet-18 keeps its features, and gives it the zoo's colours."""
import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import train
from data_sets.camvid import MEAN, STD
from importers import resnet18
from street.resnet18 import ResNet18


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = ResNet18(resnet18.WIDTHS, blocks=resnet18.BLOCKS, stem=7).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point() and "0.weight" not in name:
                value.copy_(torch.rand_like(value) + 0.5)
    return network


def graph_of(network):
    """The nodes that hold weights, in the file's order: a shortcut stands before the convolutions of its block."""
    nodes, values = [], []

    def add(layer):
        names = [f"{len(nodes)}.{i}" for i in range(5)]
        norm = layer[1]
        for name, value in zip(names, (layer[0].weight, norm.weight, norm.bias, norm.running_mean, norm.running_var)):
            values.append(numpy_helper.from_array(value.detach().numpy(), name))
        nodes.append(helper.make_node("Conv", ["x", names[0]], ["y"]))
        nodes.append(helper.make_node("BatchNormalization", ["y", *names[1:]], ["x"]))
        nodes.append(helper.make_node("Relu", ["x"], ["x"]))

    add(network.stem[0])
    for stage in (network.stage1, network.stage2, network.stage3, network.stage4):
        for block in stage:
            for part in (block.shortcut, block.conv1, block.conv2):
                if len(list(part.children())):
                    add(part)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    return helper.make_graph(nodes, "resnet18", [value], [value], values)


@torch.no_grad()
def test_the_weights_go_where_they_belong(network):
    image = torch.rand(1, 3, 64, 96)
    read = resnet18.read(graph_of(network))
    assert all(torch.equal(a, b) for a, b in zip(read(image), network(image)))
    assert [f.shape[1:] for f in read(image)] == [(64, 32, 48), (64, 16, 24), (128, 8, 12), (256, 4, 6), (512, 2, 3)]


@torch.no_grad()
def test_normalised_rgb_gives_the_features_of_bgr(network):
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    bgr = torch.from_numpy((pixels[..., ::-1] - resnet18.MEAN_BGR).transpose(0, 3, 1, 2).copy())
    rgb = torch.from_numpy(((pixels / 255 - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32))
    expected = network.stem(bgr)[..., 2:-2, 2:-2]
    found = resnet18.take_normalised_rgb(network).stem(rgb)[..., 2:-2, 2:-2]
    assert expected.std() > 1
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_a_backbone_that_has_learnt_learns_slower():
    config = {"system": "street.deeplab_v3plus", "classes": 3, "model": {"widths": [8, 8, 8], "stem": 7}, "weight_decay": 0.5}
    model = train.build(config)
    groups = train.parameter_groups(model, {**config, "backbone_rate": 0.25})
    shares = {id(p): (g["share"], g["weight_decay"]) for g in groups for p in g["params"]}
    assert len(shares) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        share = 0.25 if name.startswith("backbone.") else 1
        assert shares[id(parameter)] == (share, 0.5 if parameter.ndim > 1 else 0)

"""What ships trained costs what its manifest says, stays small, and takes every size that the manifest allows."""
import json
from pathlib import Path

import pytest
import torch

from costs import multiply_accumulates, parameters
from export_trained import legal
from train import build

ZOO = Path(__file__).parents[1]


@pytest.fixture(params=sorted(path.parent for path in ZOO.parent.glob("camvid-*/model.json")), ids=lambda folder: folder.name)
def trained(request):
    config = ZOO / "configs" / f"{request.param.name}.json"
    return request.param, build(json.loads(config.read_text())).eval()


def test_cost_equals_the_manifest(trained):
    folder, model = trained
    cost = json.loads((folder / "model.json").read_text())["cost"]
    assert parameters(model) == cost["parameters"] <= 6e6
    height, width = (legal(side, model.multiple) for side in cost["at"])
    assert round(multiply_accumulates(model, height, width) / 1e9, 2) == cost["gmac"]
    assert (folder / "1" / "model.onnx").stat().st_size <= 20e6


@torch.no_grad()
@pytest.mark.parametrize("size", [(163, 201), (64, 96), (320, 480)])
def test_logits_have_the_stride_of_the_manifest(trained, size):
    _, model = trained
    height, width = (legal(side, model.multiple) for side in size)
    logits = model(torch.zeros(2, 3, height, width))
    assert logits.shape == (2, 11, -(-height // model.output_stride), -(-width // model.output_stride))

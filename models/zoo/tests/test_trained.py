"""What ships trained stays small, takes every size that its manifest allows, and its configs build:  python3 -m pytest models/zoo/tests"""
import json
import sys
from pathlib import Path

import pytest
import torch

ZOO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ZOO))
from export import multiply_accumulates  # noqa: E402
from train import build  # noqa: E402

CONFIGS = sorted(ZOO.glob("configs/*.json"))


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def trained(request):
    return request.param.stem, build(json.loads(request.param.read_text())).eval()


def test_cost_equals_the_manifest(trained):
    name, model = trained
    manifest = json.loads((ZOO.parent / name / "model.json").read_text())
    assert sum(p.numel() for p in model.parameters()) == manifest["cost"]["parameters"] <= 6e6
    assert round(multiply_accumulates(model, *manifest["cost"]["at"]) / 1e9, 2) == manifest["cost"]["gmac"]
    assert (ZOO.parent / name / "1" / "model.onnx").stat().st_size < 20e6


@torch.no_grad()
@pytest.mark.parametrize("size", [(163, 201), (64, 96), (320, 480)])
def test_logits_have_the_stride_of_the_manifest(trained, size):
    _, model = trained
    height, width = (-(-side // model.multiple) * model.multiple for side in size)
    logits = model(torch.zeros(2, 3, height, width))
    assert logits.shape == (2, 11, -(-height // model.output_stride), -(-width // model.output_stride))

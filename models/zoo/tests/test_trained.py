"""What ships trained costs what its manifest says, stays small, and takes every size that the manifest allows."""
import json
from pathlib import Path

import pytest
import torch

from costs import multiply_accumulates, parameters
from export_trained import legal
from train import build

ZOO = Path(__file__).parents[1]


@pytest.fixture(params=sorted(path.parent for path in ZOO.parent.glob("*/model.json")), ids=lambda folder: folder.name)
def trained(request):
    config = json.loads((ZOO / "configs" / f"{request.param.name}.json").read_text())
    return request.param, config, build(config).eval()


def test_cost_equals_the_manifest(trained):
    folder, _, model = trained
    cost = json.loads((folder / "model.json").read_text())["cost"]
    assert parameters(model) == cost["parameters"] <= 14e6
    height, width = (legal(side, model.multiple) for side in cost["at"])
    assert round(multiply_accumulates(model, height, width) / 1e9, 2) == cost["gmac"]
    assert (folder / "1" / "model.onnx").stat().st_size <= 26e6


@torch.no_grad()
@pytest.mark.parametrize("size", [(163, 201), (64, 96), (320, 480)])
def test_logits_have_the_stride_of_the_manifest(trained, size):
    folder, config, model = trained
    height, width = (legal(side, model.multiple) for side in size)
    preprocess = json.loads((folder / "model.json").read_text())["preprocess"]
    logits = model(torch.zeros(2, model.channels, height, width))
    assert logits.shape == (2, config["classes"], -(-height // model.output_stride), -(-width // model.output_stride))
    assert model.channels == len(preprocess["mean"])


@torch.no_grad()
def test_tiles_with_the_halo_of_the_manifest_have_no_seams(trained):
    """Of a network that is served by tiles: the kept middle of a tile is that of the whole image, for tiles at multiples of 16."""
    folder, _, model = trained
    tiles = json.loads((folder / "model.json").read_text()).get("inference")
    if tiles is None:
        pytest.skip("served whole")
    torch.manual_seed(0)
    crop, halo = tiles["crop"], tiles["halo"]
    step = round(crop * tiles["stride_rate"])
    assert step % model.multiple == 0 and crop - step == 2 * halo
    image = torch.rand(1, model.channels, 64, crop + step)
    whole = model(image)
    kept = slice(halo, crop - halo)
    assert torch.allclose(model(image[..., step:])[..., kept], whole[..., step:][..., kept], atol=1e-4)
    assert torch.allclose(model(image[..., :crop])[..., kept], whole[..., :crop][..., kept], atol=1e-4)

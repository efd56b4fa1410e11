import sys
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))

import systems  # noqa: E402 — the zoo is a folder of scripts, found by the line above
from systems.blocks import BilinearUpsample  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture
def full_size(monkeypatch):
    """Makes a system of full size on the meta device, where shapes are computed and nothing else; without initial values, which would take minutes."""
    for layer in (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d):
        monkeypatch.setattr(layer, "reset_parameters", lambda self: None)
    monkeypatch.setattr(BilinearUpsample, "reset", lambda self: None)
    return lambda *arguments, **options: systems.create(*arguments, **options).to("meta").eval()

"""Every system at every backbone answers on the grid that it says, at sizes that it says are legal."""
import pytest
import torch

import systems
from preprocessing import legal_size

VARIANTS = [(system, backbone) for system, variants in systems.SYSTEMS.items() for backbone in variants]


@pytest.mark.parametrize("system, backbone", VARIANTS, ids=str)
@pytest.mark.parametrize("wish", [(163, 201), (96, 128)], ids=str)
def test_shapes(full_size, system, backbone, wish):
    options = {"size": (64, 96)} if system == "cpnet" else {}
    network = full_size(system, backbone, 7, **options)
    height, width = legal_size(wish, network.size)
    image = torch.zeros(2, 3, height, width, device="meta")
    logits = network(image)
    if network.output_scale > 1:
        assert logits.shape == (2, 7, height * network.output_scale, width * network.output_scale)
    else:
        assert logits.shape[:2] == (2, 7)
        for side, grid in zip((height, width), logits.shape[2:]):
            # An unpadded first convolution, the VainF fork's, may lose a row.
            assert grid - -(-side // network.output_stride) in (0, -1)
        assert network.upsampled(image).shape == (2, 7, height, width)


@pytest.mark.parametrize("system, backbone", VARIANTS, ids=str)
def test_a_width_factor_narrows(full_size, system, backbone):
    wide, narrow = (sum(p.numel() for p in full_size(system, backbone, 7, **options).parameters()) for options in ({}, {"width": 1 / 8}))
    assert narrow < wide / 20


def test_unknown_names_are_errors_that_tell_the_choices():
    with pytest.raises(ValueError, match="pspnet"):
        systems.create("pspnett")
    with pytest.raises(ValueError, match="resnet101"):
        systems.create("pspnet", "resnet102")

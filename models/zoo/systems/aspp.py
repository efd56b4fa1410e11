"""Atrous spatial pyramid pooling (Chen et al., 2017)."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import ConvBnRelu, SeparableConv

RATES = {16: (6, 12, 18), 8: (12, 24, 36)}


class Aspp(nn.Module):
    """1×1, three dilated 3×3 and image pooling side by side, concatenated; projected to as many channels unless told otherwise."""

    def __init__(self, inputs, outputs, rates, separable=False, project=True):
        super().__init__()
        dilated = SeparableConv if separable else ConvBnRelu
        self.branches = nn.ModuleList([ConvBnRelu(inputs, outputs, 1)] + [dilated(inputs, outputs, dilation=r) for r in rates])
        self.pool = ConvBnRelu(inputs, outputs, 1)
        self.project = ConvBnRelu(outputs * (len(rates) + 2), outputs, 1) if project else nn.Identity()

    def forward(self, x):
        # Both corner rules resize from 1×1 to a constant.
        pooled = self.pool(F.adaptive_avg_pool2d(x, 1)).expand(-1, -1, *x.shape[-2:])
        return self.project(torch.cat([branch(x) for branch in self.branches] + [pooled], 1))

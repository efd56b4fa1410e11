"""DeepLab v3+ (Chen et al., ECCV 2018): atrous spatial pyramid pooling at stride 16, a decoder at stride 4."""
import torch
from torch import nn
from torch.nn import functional as F

from systems.blocks import ConvBnRelu, resize_like

from .resnet18 import ResNet18, initialise


class Aspp(nn.Module):
    """1×1, three dilated 3×3 and image pooling side by side, concatenated and projected."""

    def __init__(self, inputs, outputs, rates):
        super().__init__()
        self.branches = nn.ModuleList(
            [ConvBnRelu(inputs, outputs, 1)] + [ConvBnRelu(inputs, outputs, 3, dilation=r) for r in rates])
        self.pool = ConvBnRelu(inputs, outputs, 1)
        self.project = ConvBnRelu(outputs * (len(rates) + 2), outputs, 1)

    def forward(self, x):
        pooled = self.pool(F.adaptive_avg_pool2d(x, 1)).expand(-1, -1, *x.shape[-2:])
        return self.project(torch.cat([b(x) for b in self.branches] + [pooled], 1))


class DeepLabV3Plus(nn.Module):
    """Returns logits N×n×h×w at stride 4; the caller resizes them to the image (align_corners=False)."""

    channels, output_stride, multiple = 3, 4, 1

    def __init__(self, classes, widths=(48, 64, 128, 256), aspp=96, rates=(6, 12, 18), low=32, decoder=80, **backbone):
        super().__init__()
        self.backbone = ResNet18(widths, output_stride=16, **backbone)
        self.aspp = Aspp(widths[-1], aspp, rates)
        self.low = ConvBnRelu(widths[0], low, 1)
        self.decoder = nn.Sequential(
            ConvBnRelu(aspp + low, decoder), ConvBnRelu(decoder, decoder), nn.Dropout(0.1), nn.Conv2d(decoder, classes, 1))
        initialise(self)

    def forward(self, x):
        _, low, *_, high = self.backbone(x)
        low = self.low(low)
        return self.decoder(torch.cat([resize_like(self.aspp(high), low), low], 1))

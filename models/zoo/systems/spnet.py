"""SPNet (Hou et al., CVPR 2020): averages over whole rows and columns, in the backbone's blocks and in the head."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import ConvBnRelu, adaptive_average_pool, resize_like, scaled
from .resnet import ResNet
from .system import System

GRIDS = (20, 12)


def vertical(channels):
    """3×1 on a column."""
    return nn.Sequential(nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), bias=False), nn.BatchNorm2d(channels))


def horizontal(channels):
    """1×3 on a row."""
    return nn.Sequential(nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(channels))


class StripPooling(nn.Module):
    """The mean of each row and of each column, spread over both: weights in 0 to 1."""

    def __init__(self, channels):
        super().__init__()
        self.column, self.row = vertical(channels), horizontal(channels)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        # Broadcasting adds a column and a row to a map.
        strips = self.column(x.mean(3, keepdim=True)) + self.row(x.mean(2, keepdim=True))
        return torch.sigmoid(self.out(F.relu(strips)))


class MixedPooling(nn.Module):
    """Square grids in one branch, strips in the other; added to what came in."""

    def __init__(self, inputs):
        super().__init__()
        channels = inputs // 4
        self.reduce_squares, self.reduce_strips = ConvBnRelu(inputs, channels, 1), ConvBnRelu(inputs, channels, 1)
        self.squares = nn.ModuleList(ConvBnRelu(channels, channels, relu=False) for _ in range(1 + len(GRIDS)))
        self.row, self.column = horizontal(channels), vertical(channels)
        self.after_squares, self.after_strips = ConvBnRelu(channels, channels), ConvBnRelu(channels, channels)
        self.out = ConvBnRelu(2 * channels, inputs, 1, relu=False)

    def forward(self, x):
        square, strip = self.reduce_squares(x), self.reduce_strips(x)
        squares = self.squares[0](square)
        for conv, grid in zip(self.squares[1:], GRIDS):
            squares = squares + resize_like(conv(adaptive_average_pool(square, grid)), square, True)
        strips = self.row(strip.mean(2, keepdim=True)) + self.column(strip.mean(3, keepdim=True))
        both = torch.cat([self.after_squares(F.relu(squares)), self.after_strips(F.relu(strips))], 1)
        return F.relu(x + self.out(both))


class SpNet(System):
    """Deep-stem ResNet with stride 8 and multi-grid 4, 8, 16; strips in the last block of each stage and in all of the last one."""

    output_stride, align_corners = 8, True

    def __init__(self, classes, depth=50, width=1.0):
        super().__init__()
        self.backbone = ResNet(depth, 8, width, contract=True, multi_grid=(4, 8, 16), deep_stem=True, attention=StripPooling)
        channels, last = scaled(1024, width), scaled(512, width)
        self.head = nn.Sequential(
            ConvBnRelu(self.backbone.channels[3], channels, 1), MixedPooling(channels), MixedPooling(channels),
            ConvBnRelu(channels, last), nn.Dropout(0.1), nn.Conv2d(last, classes, 1))

    def forward(self, image):
        return self.head(self.backbone(image)[3])

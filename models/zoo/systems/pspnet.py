"""PSPNet (Zhao et al., CVPR 2017): averages over 1, 4, 9 and 36 parts of the image beside the features of a dilated ResNet."""
import torch
from torch import nn

from .blocks import ConvBnRelu, adaptive_average_pool, resize_like, scaled
from .resnet import ResNet
from .system import System

BINS = (1, 2, 3, 6)


class PspNet(System):
    """As hszhao/semseg: deep stem, stride 8, corners aligned; sides of 8·k + 1."""

    output_stride, align_corners = 8, True
    multiple, offset = 8, 1

    def __init__(self, classes, depth=50, width=1.0):
        super().__init__()
        self.backbone = ResNet(depth, 8, width, deep_stem=True)
        inputs, channels = self.backbone.channels[3], scaled(512, width)
        self.pyramid = nn.ModuleList(ConvBnRelu(inputs, inputs // len(BINS), 1) for _ in BINS)
        self.head = nn.Sequential(ConvBnRelu(2 * inputs, channels), nn.Dropout(0.1), nn.Conv2d(channels, classes, 1))

    def forward(self, image):
        x = self.backbone(image)[3]
        parts = [resize_like(conv(adaptive_average_pool(x, bins)), x, True) for conv, bins in zip(self.pyramid, BINS)]
        return self.head(torch.cat([x] + parts, 1))

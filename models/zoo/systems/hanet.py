"""HANet (Choi et al., CVPR 2020) on DeepLab v3+: features are weighted row by row, since streets look alike at equal heights."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from .aspp import RATES, Aspp
from .blocks import ConvBnRelu, pooling_matrix, resize_like, scaled
from .resnet import ResNet
from .system import System

ROWS = 16


def position_code(channels):
    """channels × rows: a sinusoid and 1, of the row's place in the whole frame (of which there are 16)."""
    row, channel = torch.arange(ROWS).unsqueeze(0), torch.arange(channels).unsqueeze(1)
    cycle = 10.0 if channels > 50 else 100.0
    angle = row / cycle ** (2 * torch.div(channel, 2, rounding_mode="floor") / channels)
    return torch.where(channel % 2 == 0, torch.sin(angle), torch.cos(angle)) + 1


class HeightAttention(nn.Module):
    """From a lower feature map, weights in 0 to 1 for the channels of each row of a higher one."""

    def __init__(self, inputs, outputs, reduction=64):
        super().__init__()
        first = math.ceil(inputs / reduction)
        self.first = nn.Sequential(nn.Conv1d(inputs, first, 1, bias=False), nn.BatchNorm1d(first), nn.ReLU(inplace=True))
        self.second = nn.Sequential(nn.Conv1d(first, 2 * first, 3, padding=1), nn.BatchNorm1d(2 * first), nn.ReLU(inplace=True))
        self.third = nn.Conv1d(2 * first, outputs, 3, padding=1)
        self.register_buffer("position", position_code(first).unsqueeze(0), persistent=False)

    def forward(self, lower, higher):
        rows = torch.matmul(lower.mean(3), pooling_matrix(lower.shape[2], ROWS).to(lower.device).transpose(0, 1))
        weights = torch.sigmoid(self.third(self.second(self.first(rows) + self.position)))
        return higher * resize_rows(weights, higher)


def resize_rows(weights, like):
    """N×C×16 to N×C×H×1, linear; as a bilinear resize of one column, which the server's runtime has fast."""
    return F.interpolate(weights.unsqueeze(3), size=(like.shape[2], 1), mode="bilinear", align_corners=False)


class HaNet(System):
    """Deep-stem ResNet with stride 8; four attentions. The row codes are those of whole frames, so crops of a frame are another network."""

    output_stride, align_corners = 4, True

    def __init__(self, classes, depth=101, width=1.0, output_stride=8):
        super().__init__()
        self.backbone = ResNet(depth, output_stride, width, deep_stem=True)
        c1, _, c3, c4 = self.backbone.channels
        channels, low = scaled(256, width), scaled(48, width)
        reduction = max(1, round(64 * width))
        self.aspp = Aspp(c4, channels, RATES[output_stride], project=False)
        self.project = nn.Conv2d(5 * channels, channels, 1, bias=False)
        self.low = nn.Conv2d(c1, low, 1, bias=False)
        self.decoder = nn.Sequential(ConvBnRelu(channels + low, channels), ConvBnRelu(channels, channels))
        self.classifier = nn.Conv2d(channels, classes, 1, bias=False)
        self.attention = nn.ModuleList([
            HeightAttention(c3, c4, reduction), HeightAttention(c4, 5 * channels, reduction),
            HeightAttention(5 * channels, channels, reduction), HeightAttention(channels + low, channels, reduction)])

    def forward(self, image):
        low, _, stage3, stage4 = self.backbone(image)
        x = self.attention[0](stage3, stage4)
        pyramid = self.attention[1](x, self.aspp(x))
        x = self.attention[2](pyramid, self.project(pyramid))
        joined = torch.cat([self.low(low), resize_like(x, low, True)], 1)
        return self.classifier(self.attention[3](joined, self.decoder(joined)))

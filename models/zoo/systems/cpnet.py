"""CPNet (Yu et al., CVPR 2020): each position gathers the features of its own class and of the others, by a learned affinity of all pairs."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import ConvBnRelu, scaled
from .resnet import ResNet
from .system import System


class Product(nn.Module):
    """A matrix product as a module, so that its cost can be counted."""

    def forward(self, a, b):
        return torch.matmul(a, b)


class Aggregation(nn.Module):
    """3×3, then two separable 11×11 in both orders, added."""

    def __init__(self, inputs, channels, kernel=11):
        super().__init__()
        self.reduce = ConvBnRelu(inputs, channels)
        tall, wide = dict(kernel_size=(kernel, 1), padding=(kernel // 2, 0)), dict(kernel_size=(1, kernel), padding=(0, kernel // 2))
        self.tall_wide = nn.Sequential(nn.Conv2d(channels, channels, groups=channels, **tall), nn.Conv2d(channels, channels, groups=channels, **wide))
        self.wide_tall = nn.Sequential(nn.Conv2d(channels, channels, groups=channels, **wide), nn.Conv2d(channels, channels, groups=channels, **tall))
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        x = self.reduce(x)
        return F.relu(self.bn(self.tall_wide(x) + self.wide_tall(x)))


class CpNet(System):
    """The prior has one channel for each position of the stride-8 grid, so that the network takes images of one size only: serve larger ones by sliding."""

    output_stride = 8

    def __init__(self, classes, depth=50, size=(480, 480), width=1.0):
        super().__init__()
        self.fixed = list(size)
        self.positions = (size[0] // 8) * (size[1] // 8)
        self.backbone = ResNet(depth, 8, width, contract=True, deep_stem=True)
        inputs, channels = self.backbone.channels[3], scaled(512, width)
        self.aggregation = Aggregation(inputs, channels)
        self.prior = nn.Sequential(nn.Conv2d(channels, self.positions, 1, bias=False), nn.BatchNorm2d(self.positions))
        self.product = Product()
        self.intra, self.inter = ConvBnRelu(channels, channels, 1), ConvBnRelu(channels, channels, 1)
        self.head = nn.Sequential(ConvBnRelu(inputs + 2 * channels, channels), nn.Dropout(0.1), nn.Conv2d(channels, classes, 1))

    def forward(self, image):
        x = self.backbone(image)[3]
        values = self.aggregation(x)
        prior = torch.sigmoid(self.prior(values).flatten(2).transpose(1, 2))
        flat = values.flatten(2).transpose(1, 2)
        intra = self.product(prior, flat) / self.positions
        inter = self.product(1 - prior, flat) / self.positions
        maps = [conv(context.transpose(1, 2).reshape(values.shape)) for conv, context in ((self.intra, intra), (self.inter, inter))]
        return self.head(torch.cat([x] + maps, 1))

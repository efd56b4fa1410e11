"""RefineNet (Lin et al., CVPR 2017), as DrSleep's PyTorch version has it: four chained pools, fusion of two paths, a 3×3 head."""
from torch import nn
from torch.nn import functional as F

from .blocks import resize_like, scaled
from .resnet import ResNet
from .system import System


def conv3x3(inputs, outputs, bias=False):
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)


class ResidualConvUnit(nn.Module):
    """x + conv(ReLU(conv(ReLU(x))))."""

    def __init__(self, channels):
        super().__init__()
        self.conv1, self.conv2 = conv3x3(channels, channels, bias=True), conv3x3(channels, channels)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class ChainedResidualPooling(nn.Module):
    """After a ReLU, each 5×5 maximum and 3×3 convolution takes the one before, and all are added up."""

    def __init__(self, channels, pools):
        super().__init__()
        self.convs = nn.ModuleList(conv3x3(channels, channels) for _ in range(pools))

    def forward(self, x):
        x = total = F.relu(x)
        for conv in self.convs:
            x = conv(F.max_pool2d(x, 5, 1, 2))
            total = total + x
        return total


class Refinement(nn.Module):
    """One level: its features adapted, the coarser path added, pooled, and refined."""

    def __init__(self, inputs, channels, coarser=None, pools=4):
        super().__init__()
        self.reduce = conv3x3(inputs, channels)
        self.adapt = nn.Sequential(ResidualConvUnit(channels), ResidualConvUnit(channels))
        self.fuse = conv3x3(channels, channels) if coarser else None
        self.fuse_coarser = conv3x3(coarser, channels) if coarser else None
        self.pool = ChainedResidualPooling(channels, pools)
        self.refine = nn.Sequential(*(ResidualConvUnit(channels) for _ in range(3)))

    def forward(self, x, coarser=None):
        x = self.adapt(self.reduce(x))
        if coarser is not None:
            x = self.fuse(x)
            x = x + resize_like(self.fuse_coarser(coarser), x, align_corners=True)
        return self.refine(self.pool(x))


class RefineNet(System):
    """On an undilated ResNet; ends at stride 4."""

    output_stride = 4
    align_corners = False

    def __init__(self, classes, depth=101, width=1.0):
        super().__init__()
        self.backbone = ResNet(depth, 32, width)
        inputs, coarse, channels = self.backbone.channels, scaled(512, width), scaled(256, width)
        self.levels = nn.ModuleList([
            Refinement(inputs[3], coarse), Refinement(inputs[2], channels, coarse),
            Refinement(inputs[1], channels, channels), Refinement(inputs[0], channels, channels)])
        self.classifier = conv3x3(channels, classes, bias=True)

    def forward(self, image):
        path = None
        for level, features in zip(self.levels, reversed(self.backbone(image))):
            path = level(features, path)
        return self.classifier(path)

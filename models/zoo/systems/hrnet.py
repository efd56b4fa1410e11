"""HRNetV2 (Sun et al. 2019; Wang et al., PAMI 2020): branches of stride 4 to 32 side by side, exchanging all the way."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import ConvBnRelu, resize_like, scaled
from .resnet import BasicBlock, Bottleneck
from .system import System

MODULES = (1, 4, 3)  # of stages 2, 3 and 4, with 2, 3 and 4 branches


class Exchange(nn.Module):
    """Every branch becomes the sum of all: 1×1 and bilinear from coarser ones, chains of 3×3 with stride 2 from finer ones."""

    def __init__(self, channels, align_corners):
        super().__init__()
        self.align_corners = align_corners
        self.paths = nn.ModuleList(nn.ModuleList(self.path(channels, source, target) for source in range(len(channels))) for target in range(len(channels)))

    @staticmethod
    def path(channels, source, target):
        if source == target:
            return nn.Identity()
        if source > target:
            return ConvBnRelu(channels[source], channels[target], 1, relu=False)
        return nn.Sequential(*(
            ConvBnRelu(channels[source], channels[target if i == target - 1 else source], 3, 2, relu=i < target - 1) for i in range(source, target)))

    def forward(self, branches):
        return [F.relu(sum(self.fit(path(x), branches[target]) if source > target else path(x)
                           for source, (path, x) in enumerate(zip(paths, branches)))) for target, paths in enumerate(self.paths)]

    def fit(self, x, like):
        return resize_like(x, like, self.align_corners)


class Module(nn.Module):
    """Four basic blocks on each branch, then the exchange."""

    def __init__(self, channels, align_corners):
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(BasicBlock(c, c, 1, 1, False, None) for _ in range(4))) for c in channels)
        self.exchange = Exchange(channels, align_corners)

    def forward(self, branches):
        return self.exchange([blocks(x) for blocks, x in zip(self.branches, branches)])


class HrNetV2(System):
    """channels: 18, 32 or 48 of the finest branch. align_corners as its yaml says: True for ADE20K, COCO-Stuff and LIP with OCR, False for plain Cityscapes."""

    output_stride = 4

    def __init__(self, classes, channels=48, align_corners=False, width=1.0, modules=MODULES):
        super().__init__()
        self.align_corners = align_corners
        stem, finest = scaled(64, width), scaled(channels, width)
        self.stem = nn.Sequential(ConvBnRelu(3, stem, 3, 2), ConvBnRelu(stem, stem, 3, 2))
        self.stage1 = nn.Sequential(*(Bottleneck(stem if i == 0 else 4 * stem, stem, 1, 1, False, None) for i in range(4)))
        widths = [finest * 2 ** i for i in range(4)]
        self.first = ConvBnRelu(4 * stem, finest)
        self.new = nn.ModuleList(ConvBnRelu(4 * stem if i == 0 else widths[i], widths[i + 1], 3, 2) for i in range(3))
        self.stages = nn.ModuleList(nn.Sequential(*(Module(widths[:i + 2], align_corners) for _ in range(count))) for i, count in enumerate(modules))
        total = sum(widths)
        self.head = nn.Sequential(nn.Conv2d(total, total, 1), nn.BatchNorm2d(total), nn.ReLU(inplace=True), nn.Conv2d(total, classes, 1))

    def forward(self, image):
        x = self.stage1(self.stem(image))
        branches = [self.first(x), self.new[0](x)]
        for i, stage in enumerate(self.stages):
            branches = stage(branches if i == 0 else branches + [self.new[i](branches[-1])])
        return self.head(torch.cat([branches[0]] + [resize_like(b, branches[0], self.align_corners) for b in branches[1:]], 1))

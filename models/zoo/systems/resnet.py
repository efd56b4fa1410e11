"""ResNet (He et al., CVPR 2016) as segmentation uses it: dilated, with a deep stem, or as Caffe had it."""
from torch import nn
from torch.nn import functional as F

from .blocks import scaled

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
# Strides and dilations of the four stages.
STRIDES = {32: (1, 2, 2, 2), 16: (1, 2, 2, 1), 8: (1, 2, 1, 1)}
DILATIONS = {32: (1, 1, 1, 1), 16: (1, 1, 1, 2), 8: (1, 1, 2, 4)}


def shortcut(inputs, outputs, stride):
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs, planes, stride, dilation, caffe, attention):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 3, stride, dilation, dilation, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(planes)
        self.downsample = shortcut(inputs, planes, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.downsample(x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs, planes, stride, dilation, caffe, attention):
        super().__init__()
        first, second = (stride, 1) if caffe else (1, stride)
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, first, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, second, dilation, dilation, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, planes * 4, 1, bias=False), nn.BatchNorm2d(planes * 4)
        self.attention = attention(planes) if attention else None
        self.downsample = shortcut(inputs, planes * 4, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        if self.attention is not None:
            out = out * self.attention(out)
        return F.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class ResNet(nn.Module):
    """Returns the features of its four stages; self.channels are their channels.

    contract: the first block of a dilated stage has the dilation of the stage before (torchvision and its followers).
    multi_grid: factors of the last stage's dilation, block by block. deep_stem: three 3×3 convolutions for the 7×7.
    caffe: strides on the first 1×1, and a pool that rounds up. attention: a module for the blocks of each stage, after the 3×3.
    """

    def __init__(self, depth, output_stride=32, width=1.0, contract=False, multi_grid=(1, 1, 1), deep_stem=False, caffe=False, attention=None):
        super().__init__()
        stem = scaled(64, width)
        pool = nn.MaxPool2d(3, 2, 1, ceil_mode=caffe)
        if deep_stem:
            self.stem = nn.Sequential(
                nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(inplace=True),
                nn.Conv2d(stem, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(inplace=True),
                nn.Conv2d(stem, 2 * stem, 3, 1, 1, bias=False), nn.BatchNorm2d(2 * stem), nn.ReLU(inplace=True), pool)
        else:
            self.stem = nn.Sequential(nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem), nn.ReLU(inplace=True), pool)
        block = BasicBlock if depth < 50 else Bottleneck
        inputs, self.channels, before = 2 * stem if deep_stem else stem, [], 1
        for stage, (blocks, stride, dilation) in enumerate(zip(DEPTHS[depth], STRIDES[output_stride], DILATIONS[output_stride])):
            planes, layers = scaled(64 * 2 ** stage, width), []
            for i in range(blocks):
                d = before if contract and i == 0 else dilation
                if stage == 3:
                    d *= multi_grid[min(i, len(multi_grid) - 1)]
                factory = attention if attention and (stage == 3 or i == blocks - 1) else None
                layers.append(block(inputs, planes, stride if i == 0 else 1, d, caffe, factory))
                inputs = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
            self.channels.append(inputs)
            before = dilation

    def forward(self, x):
        features = [self.layer1(self.stem(x))]
        for layer in (self.layer2, self.layer3, self.layer4):
            features.append(layer(features[-1]))
        return features

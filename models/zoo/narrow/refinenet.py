"""RefineNet (Lin et al., CVPR 2017) on a ResNet-18: four levels, each refining the coarser one with its own features, down to stride 4, and on
request a fifth of few operations at stride 2, for images whose thin things are a few pixels wide."""
from torch import nn
from torch.nn import functional as F

from blocks import initialise
from resnet18 import ResNet18


def conv3x3(inputs, outputs, bias=False):
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)


class ResidualConvUnit(nn.Module):
    """x + conv(ReLU(conv(ReLU(x)))), without batch normalisation."""

    def __init__(self, channels):
        super().__init__()
        self.conv1, self.conv2 = conv3x3(channels, channels, bias=True), conv3x3(channels, channels)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class ChainedResidualPooling(nn.Module):
    """Each 5×5 maximum and its convolution feed the next, and all of them are added up: context from ever larger windows."""

    def __init__(self, channels, pools):
        super().__init__()
        self.convs = nn.ModuleList(conv3x3(channels, channels) for _ in range(pools))

    def forward(self, x):
        total = x = F.relu(x)
        for conv in self.convs:
            x = conv(F.max_pool2d(x, 5, 1, 2))
            total = total + x
        return total


class Level(nn.Module):
    """One RefineNet block: adapts a stage of the backbone, joins the coarser level to it, pools, and refines what comes out."""

    def __init__(self, inputs, channels, coarser=None, pools=4):
        super().__init__()
        self.reduce = conv3x3(inputs, channels)
        self.adapt = nn.Sequential(ResidualConvUnit(channels), ResidualConvUnit(channels))
        if coarser is not None:
            self.own, self.other = conv3x3(channels, channels), conv3x3(coarser, channels)
        self.pooling = ChainedResidualPooling(channels, pools)
        self.refine = nn.Sequential(*[ResidualConvUnit(channels) for _ in range(3)])

    def forward(self, features, coarser=None):
        x = self.adapt(self.reduce(features))
        if coarser is not None:
            x = self.own(x) + F.interpolate(self.other(coarser), size=x.shape[-2:], mode="bilinear", align_corners=True)
        return self.refine(self.pooling(x))


class StemLevel(nn.Module):
    """Joins the stem's features to the coarser level, and refines what comes out with one unit: at stride 2 a whole block would cost more than all others."""

    def __init__(self, inputs, channels, coarser):
        super().__init__()
        self.own, self.other = conv3x3(inputs, channels), conv3x3(coarser, channels)
        self.refine = ResidualConvUnit(channels)

    def forward(self, features, coarser):
        x = self.own(features)
        return self.refine(x + F.interpolate(self.other(coarser), size=x.shape[-2:], mode="bilinear", align_corners=True))


class RefineNet(nn.Module):
    """Returns logits N×n×h×w at stride 4, or 2 with `stem_channels`; the caller resizes them to the image (align_corners=False)."""

    channels, multiple = 3, 1

    def __init__(self, classes, widths=(48, 64, 128, 256), channels=(32, 32, 32, 64), pools=4, stem_channels=None, **backbone):
        super().__init__()
        self.backbone = ResNet18(widths, **backbone)
        self.output_stride, last = 4, channels[0]
        coarser = (*channels[1:], None)
        self.levels = nn.ModuleList(Level(*sizes, pools) for sizes in zip(widths, channels, coarser))
        if stem_channels is not None:
            self.output_stride, last = 2, stem_channels
            self.levels.insert(0, StemLevel(widths[0], stem_channels, channels[0]))
        self.head = nn.Sequential(nn.Dropout(0.1), conv3x3(last, classes, bias=True))
        initialise(self)
        # Without batch normalisation nothing bounds the sums: the scale is kept from input to output, and each residual unit starts as the identity.
        for m in self.levels.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_in", nonlinearity="linear")
        for m in self.levels.modules():
            if isinstance(m, ResidualConvUnit):
                nn.init.zeros_(m.conv2.weight)
            elif isinstance(m, ChainedResidualPooling):
                for conv in m.convs:
                    conv.weight.data.mul_(0.3)
        nn.init.normal_(self.head[1].weight, std=0.01)

    def forward(self, x):
        refined = None
        for level, features in zip(reversed(self.levels), reversed(self.backbone(x))):
            refined = level(features, refined)
        return self.head(refined)

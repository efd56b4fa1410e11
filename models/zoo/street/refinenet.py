"""RefineNet (Lin et al., CVPR 2017) on a ResNet-18: four levels, each refining the coarser one with its own features, down to stride 4, and on
request a fifth of few operations at stride 2, for images whose thin things are a few pixels wide."""
from torch import nn

from systems.blocks import resize_like
from systems.refinenet import ChainedResidualPooling, Refinement, ResidualConvUnit, conv3x3

from .resnet18 import ResNet18, initialise


class StemLevel(nn.Module):
    """Joins the stem's features to the coarser level, and refines what comes out with one unit: at stride 2 a whole block would cost more than all others."""

    def __init__(self, inputs, channels, coarser):
        super().__init__()
        self.own, self.other = conv3x3(inputs, channels), conv3x3(coarser, channels)
        self.refine = ResidualConvUnit(channels)

    def forward(self, features, coarser):
        x = self.own(features)
        return self.refine(x + resize_like(self.other(coarser), x, align_corners=True))


class RefineNet(nn.Module):
    """Returns logits N×n×h×w at stride 4, or 2 with `stem_channels`; the caller resizes them to the image (align_corners=False)."""

    channels, multiple = 3, 1

    def __init__(self, classes, widths=(48, 64, 128, 256), channels=(32, 32, 32, 64), pools=4, stem_channels=None, **backbone):
        super().__init__()
        self.backbone = ResNet18(widths, **backbone)
        self.output_stride, last = 4, channels[0]
        coarser = (*channels[1:], None)
        self.levels = nn.ModuleList(Refinement(*sizes, pools) for sizes in zip(widths, channels, coarser))
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

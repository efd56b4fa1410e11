"""U-Net (Ronneberger et al., MICCAI 2015), and the padded version with batch normalisation that milesial's checkpoints have."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import ConvBnRelu, scaled
from .system import System


class UNet(System):
    """Padded convolutions, batch normalisation; bilinear=True upsamples by interpolation, with half the channels below. Sides of 16·k.

    align_corners=True, as in milesial's, makes the interpolation inside depend on the size of the image: not for networks that see tiles of one.
    """

    preprocess = "unit"
    multiple = 16

    def __init__(self, classes, bilinear=False, width=1.0, channels=3, align_corners=True):
        super().__init__()
        self.channels = channels
        c = [scaled(64 * 2 ** i, width) for i in range(5)]
        if bilinear:
            c[4] //= 2
        self.inc = self.pair(channels, c[0])
        self.down = nn.ModuleList(self.pair(c[i], c[i + 1]) for i in range(4))
        self.up, self.conv = nn.ModuleList(), nn.ModuleList()
        below = c[4]
        for i in (3, 2, 1, 0):
            outputs = c[i] // 2 if bilinear and i > 0 else c[i]
            self.up.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=align_corners) if bilinear else nn.ConvTranspose2d(below, below // 2, 2, 2))
            joined = below + c[i] if bilinear else below // 2 + c[i]
            self.conv.append(self.pair(joined, outputs, joined // 2 if bilinear else None))
            below = outputs
        self.classifier = nn.Conv2d(below, classes, 1)

    @staticmethod
    def pair(inputs, outputs, middle=None):
        return nn.Sequential(ConvBnRelu(inputs, middle or outputs), ConvBnRelu(middle or outputs, outputs))

    def forward(self, image):
        skips = [self.inc(image)]
        for down in self.down:
            skips.append(down(F.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for up, conv in zip(self.up, self.conv):
            x = conv(torch.cat([skips.pop(), up(x)], 1))
        return self.classifier(x)


class UNetOriginal(System):
    """Unpadded convolutions and no batch normalisation: of 572² it answers for the middle 388².

    mirror=True puts the paper's mirrored border into the graph, so that the answer has the image's size: sides of 16·k + 4.
    """

    preprocess = "unit"
    multiple, offset, minimum = 16, 4, 100
    border = 92

    def __init__(self, classes, mirror=True, width=1.0):
        super().__init__()
        self.mirror = mirror
        c = [scaled(64 * 2 ** i, width) for i in range(5)]
        self.down = nn.ModuleList(self.pair(a, b) for a, b in zip([3] + c, c))
        self.up = nn.ModuleList(nn.ConvTranspose2d(c[i + 1], c[i], 2, 2) for i in (3, 2, 1, 0))
        self.conv = nn.ModuleList(self.pair(2 * c[i], c[i]) for i in (3, 2, 1, 0))
        self.classifier = nn.Conv2d(c[0], classes, 1)

    @staticmethod
    def pair(inputs, outputs):
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3), nn.ReLU(inplace=True), nn.Conv2d(outputs, outputs, 3), nn.ReLU(inplace=True))

    def forward(self, image):
        x, skips = F.pad(image, [self.border] * 4, mode="reflect") if self.mirror else image, []
        for i, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        skips.pop()
        for up, conv in zip(self.up, self.conv):
            x, skip = up(x), skips.pop()
            top, left = (skip.shape[2] - x.shape[2]) // 2, (skip.shape[3] - x.shape[3]) // 2
            x = conv(torch.cat([skip[:, :, top:top + x.shape[2], left:left + x.shape[3]], x], 1))
        return self.classifier(x)

"""FCN-8s (Long, Shelhamer, Darrell, CVPR 2015) on a narrow ResNet-18: scores at strides 32, 16 and 8, doubled and added."""
import torch
from torch import nn

from .resnet18 import ResNet18, initialise


class BilinearDouble(nn.ConvTranspose2d):
    """Fixed bilinear interpolation to twice the size, as a transposed convolution (k4 s2 p1) of each class by itself."""

    def __init__(self, channels):
        super().__init__(channels, channels, 4, 2, 1, groups=channels, bias=False)
        side = torch.tensor([0.25, 0.75, 0.75, 0.25])
        self.weight = nn.Parameter((side[:, None] * side).expand(channels, 1, 4, 4).clone(), requires_grad=False)


class Fcn8s(nn.Module):
    """Returns logits N×n×h×w at stride 8; the caller resizes them to the image (align_corners=False). Sizes are multiples of 32."""

    channels, output_stride, multiple = 3, 8, 32

    def __init__(self, classes, widths=(48, 64, 128, 256), **backbone):
        super().__init__()
        self.backbone = ResNet18(widths, **backbone)
        self.dropout = nn.Dropout(0.1)
        self.score8, self.score16, self.score32 = (nn.Conv2d(width, classes, 1) for width in widths[1:])
        initialise(self)
        for score in (self.score8, self.score16, self.score32):
            nn.init.normal_(score.weight, std=0.01)
        self.double16, self.double8 = BilinearDouble(classes), BilinearDouble(classes)

    def forward(self, x):
        *_, stride8, stride16, stride32 = self.backbone(x)
        scores = self.double16(self.score32(self.dropout(stride32))) + self.score16(stride16)
        return self.double8(scores) + self.score8(stride8)

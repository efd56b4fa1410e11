"""DeepLab v1 LargeFOV (Chen et al., ICLR 2015) on a narrow ResNet: features at stride 8, one convolution of dilation 12 that sees far."""
from torch import nn
from torch.nn import functional as F

from blocks import ConvBnRelu, initialise
from resnet18 import ResNet18


class DeepLabLargeFov(nn.Module):
    """Returns logits N×n×h×w at stride 8, the unary of the dense CRF; the caller resizes them to the image (align_corners=False)."""

    channels, output_stride, multiple = 3, 8, 1

    def __init__(self, classes, widths=(48, 64, 128, 128), blocks=(2, 2, 2, 1), fc=128):
        super().__init__()
        self.backbone = ResNet18(widths, output_stride=8, blocks=blocks)
        self.fc6 = ConvBnRelu(widths[3], fc, 3, dilation=12)
        self.fc7 = ConvBnRelu(fc, fc, 1)
        self.fc8 = nn.Sequential(nn.Dropout(0.1), nn.Conv2d(fc, classes, 1))
        initialise(self)
        nn.init.normal_(self.fc8[1].weight, std=0.01)

    def forward(self, x):
        features = F.avg_pool2d(self.backbone(x)[-1], 3, 1, 1)
        return self.fc8(self.fc7(self.fc6(features)))

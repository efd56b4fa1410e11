"""Building blocks that the systems of the zoo share. Tensors are N×C×H×W."""
import torch
from torch import nn
from torch.nn import functional as F


class ConvBnRelu(nn.Sequential):
    """k×k convolution without bias, batch normalisation, ReLU; padding keeps ceil(H / stride)."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, dilation=1):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al., CVPR 2016), with the dilation of DeepLab's last stage."""

    def __init__(self, inputs, outputs, stride=1, dilation=1):
        super().__init__()
        self.conv1 = ConvBnRelu(inputs, outputs, 3, stride, dilation)
        self.conv2 = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity() if stride == 1 and inputs == outputs else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.conv2(self.conv1(x)) + self.shortcut(x), inplace=True)


def resize_like(x, reference):
    """Bilinear, align_corners=False (ONNX half_pixel), to the reference's height and width, whatever they are."""
    return F.interpolate(x, size=reference.shape[-2:], mode="bilinear", align_corners=False)


def initialise(module):
    """He initialisation of convolutions, as training from scratch needs; batch normalisation starts as identity."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)

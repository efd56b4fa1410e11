"""MobileNetV2 (Sandler et al., CVPR 2018), dilated to output stride 16 or 8."""
from torch import nn
from torch.nn import functional as F

from .blocks import scaled

# expansion, channels, blocks, stride
PLAN = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class ConvBnRelu6(nn.Sequential):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1, groups=1, padding=0):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False), nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """early_padding: the VainF fork pads before the 1×1 expansion, whose bias then reaches the border, instead of at the depthwise convolution."""

    def __init__(self, inputs, outputs, stride, dilation, expansion, early_padding):
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.padding = dilation if early_padding else 0
        layers = [] if expansion == 1 else [ConvBnRelu6(inputs, hidden, 1)]
        layers += [ConvBnRelu6(hidden, hidden, 3, stride, dilation, groups=hidden, padding=0 if early_padding else dilation),
                   nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        out = self.conv(F.pad(x, [self.padding] * 4) if self.padding else x)
        return x + out if self.residual else out


class MobileNetV2(nn.Module):
    """Returns the features of stride 4 (24 channels) and of the last stage (320 channels). The VainF fork does not pad the first convolution, either."""

    def __init__(self, output_stride=16, width=1.0, early_padding=False):
        super().__init__()
        inputs = scaled(32, width)
        layers, self.channels = [ConvBnRelu6(3, inputs, 3, 2, padding=0 if early_padding else 1)], []
        stride, dilation = 2, 1
        for expansion, channels, blocks, step in PLAN:
            outputs, first_dilation = scaled(channels, width), dilation
            if stride == output_stride:
                dilation, step = dilation * step, 1
            else:
                stride *= step
            for i in range(blocks):
                layers.append(InvertedResidual(inputs, outputs, step if i == 0 else 1, first_dilation if i == 0 else dilation, expansion, early_padding))
                inputs = outputs
            self.channels.append(outputs)
        features = nn.Sequential(*layers)
        self.low, self.high = features[:4], features[4:]  # slices keep the numbers in their names
        self.channels = [self.channels[1], self.channels[-1]]

    def forward(self, x):
        low = self.low(x)
        return [low, self.high(low)]

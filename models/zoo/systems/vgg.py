"""VGG16's thirteen convolutions (Simonyan and Zisserman, ICLR 2015) in five blocks; what pools between them is the system's choice."""
from torch import nn

from .blocks import scaled

PLAN = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


class Vgg16(nn.ModuleList):
    """Five blocks of convolutions and ReLUs; self.channels are their channels. first_padding: 100 for FCN; last_dilation: 2 for DeepLab."""

    def __init__(self, width=1.0, first_padding=1, last_dilation=1, batch_norm=False):
        super().__init__()
        inputs, self.channels = 3, []
        for channels, count in PLAN:
            outputs, layers = scaled(channels, width), []
            dilation = last_dilation if len(self) == 4 else 1
            for i in range(count):
                padding = first_padding if inputs == 3 else dilation
                layers.append(nn.Conv2d(inputs, outputs, 3, 1, padding, dilation, bias=True))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(outputs))
                layers.append(nn.ReLU(inplace=True))
                inputs = outputs
            self.append(nn.Sequential(*layers))
            self.channels.append(outputs)

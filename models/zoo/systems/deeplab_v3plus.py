"""DeepLab v3+ (Chen et al., ECCV 2018): the v3 encoder and a decoder at stride 4."""
import torch
from torch import nn

from . import backbones
from .aspp import RATES, Aspp
from .blocks import ConvBnRelu, SeparableConv, resize_like, scaled
from .system import System


class DeepLabV3Plus(System):
    """decoder_convs: 3×3 convolutions of the decoder, two in the paper and one in the VainF fork. separable: as the Xception version has it."""

    output_stride = 4

    def __init__(self, classes, backbone="resnet101", output_stride=16, decoder_convs=2, separable=None, width=1.0):
        super().__init__()
        separable = backbone == "xception65" if separable is None else separable
        self.backbone = backbones.create(backbone, output_stride, width)
        channels, low = scaled(256, width), scaled(48, width)
        self.aspp = Aspp(self.backbone.channels[-1], channels, RATES[output_stride], separable)
        self.low = ConvBnRelu(self.backbone.channels[0], low, 1)
        conv = SeparableConv if separable else ConvBnRelu
        self.decoder = nn.Sequential(*(conv(channels + low if i == 0 else channels, channels) for i in range(decoder_convs)))
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, image):
        features = self.backbone(image)
        low = self.low(features[0])
        x = torch.cat([low, resize_like(self.aspp(features[-1]), low)], 1)
        return self.classifier(self.decoder(x))

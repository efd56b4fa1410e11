"""DeepLab v3 (Chen et al., 2017): image pooling beside the dilated branches, batch normalisation, one resize."""
from torch import nn

from . import backbones
from .aspp import RATES, Aspp
from .blocks import ConvBnRelu, scaled
from .system import System


class DeepLabV3(System):
    """As torchvision (OS8) and VainF (OS16) have it, with one more 3×3; paper_head=True is the paper's, with its multi-grid 1, 2, 4."""

    def __init__(self, classes, backbone="resnet50", output_stride=16, paper_head=False, width=1.0):
        super().__init__()
        self.output_stride = output_stride
        self.backbone = backbones.create(backbone, output_stride, width, (1, 2, 4) if paper_head else None)
        channels = scaled(256, width)
        self.aspp = Aspp(self.backbone.channels[-1], channels, RATES[output_stride])
        self.conv = nn.Identity() if paper_head else ConvBnRelu(channels, channels)
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, image):
        return self.classifier(self.conv(self.aspp(self.backbone(image)[-1])))

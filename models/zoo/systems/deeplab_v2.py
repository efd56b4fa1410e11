"""DeepLab v2 (Chen et al., PAMI 2018): the scores of four dilated branches, summed; MSC takes the largest of three scales."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import resize_like, scaled
from .resnet import ResNet
from .system import System
from .vgg import Vgg16

RATES = (6, 12, 18, 24)


class DeepLabV2(System):
    """Stride 8. msc: element-wise maximum of the logits at scales 1, 0.75 and 0.5, which share their weights."""

    output_stride = 8
    preprocess = "caffe"
    multiple, offset = 8, 1

    def __init__(self, classes, backbone="resnet101", msc=False, width=1.0):
        super().__init__()
        self.msc = msc
        if backbone == "vgg16":
            self.backbone = VggFeatures(width)
            hidden = scaled(1024, width)
            self.branches = nn.ModuleList(
                nn.Sequential(nn.Conv2d(self.backbone.channels, hidden, 3, padding=r, dilation=r), nn.ReLU(inplace=True), nn.Dropout(0.5),
                              nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Conv2d(hidden, classes, 1))
                for r in RATES)
        else:
            self.backbone = ResNet(int(backbone[len("resnet"):]), 8, width, caffe=True)
            self.branches = nn.ModuleList(nn.Conv2d(self.backbone.channels[3], classes, 3, padding=r, dilation=r) for r in RATES)

    def scores(self, image):
        x = self.backbone(image)[-1]
        return sum(branch(x) for branch in self.branches)

    def forward(self, image):
        scores = self.scores(image)
        if self.msc:
            for scale in (0.75, 0.5):
                small = F.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)
                scores = torch.maximum(scores, resize_like(self.scores(small), scores))
        return scores


class VggFeatures(nn.Module):
    """VGG16 with overlapping pools, of which the last two keep the size: stride 8."""

    def __init__(self, width):
        super().__init__()
        self.vgg = Vgg16(width, last_dilation=2)
        self.channels = self.vgg.channels[4]

    def forward(self, x):
        for block, stride in zip(self.vgg, (2, 2, 2, 1, 1)):
            x = F.max_pool2d(block(x), 3, stride, 1)
        return [x]

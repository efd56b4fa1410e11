"""DeepLab v1 (Chen et al., ICLR 2015): VGG16 with holes, LargeFOV; MSc adds branches from the image and the first four pools."""
from torch import nn
from torch.nn import functional as F

from .blocks import resize_like, scaled
from .system import System
from .vgg import Vgg16

POOL_STRIDES = (2, 2, 2, 1, 1)


class DeepLabV1(System):
    """LargeFOV: stride 8. With msc=True the scores of five more branches are added at the image's size. Grids nest best at sides of 8·k + 1."""

    output_stride, align_corners = 8, True
    preprocess = "caffe"
    multiple, offset = 8, 1

    def __init__(self, classes, msc=False, width=1.0):
        super().__init__()
        self.vgg = Vgg16(width, last_dilation=2)
        hidden, side = scaled(1024, width), scaled(128, width)
        self.head = nn.Sequential(
            nn.AvgPool2d(3, 1, 1),
            nn.Conv2d(self.vgg.channels[4], hidden, 3, padding=12, dilation=12), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Conv2d(hidden, classes, 1))
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, side, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(side, side, 1), nn.ReLU(inplace=True), nn.Conv2d(side, classes, 1))
            for channels in (3, *self.vgg.channels[:4])) if msc else None
        self.output_stride = 1 if msc else 8

    def forward(self, image):
        x, pools = image, [image]
        for block, stride in zip(self.vgg, POOL_STRIDES):
            x = F.max_pool2d(block(x), 3, stride, 1)
            pools.append(x)
        scores = self.head(x)
        if self.branches is None:
            return scores
        scores = resize_like(scores, image, True)
        for branch, pool in zip(self.branches, pools):
            scores = scores + resize_like(branch(pool), image, True)
        return scores

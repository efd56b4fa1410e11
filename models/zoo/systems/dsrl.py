"""DSRL (Wang et al., CVPR 2020): logits of twice the image's size. The branches that training adds are left out."""
from torch import nn

from .blocks import resize
from .deeplab_v3plus import DeepLabV3Plus
from .system import System


class Dsrl(System):
    """DeepLab v3+ up to its scores at stride 4; then bilinear ×2 and two transposed convolutions. Sides of 16·k keep the factor 2 exact."""

    output_scale = 2
    multiple = 16

    def __init__(self, classes, backbone="resnet101", width=1.0):
        super().__init__()
        self.base = DeepLabV3Plus(classes, backbone, width=width)
        self.super_resolution = nn.Sequential(
            nn.ConvTranspose2d(classes, classes, 2, 2), nn.BatchNorm2d(classes), nn.ReLU(inplace=True), nn.ConvTranspose2d(classes, classes, 2, 2))

    def forward(self, image):
        scores = self.base(image)
        return self.super_resolution(resize(scores, (scores.shape[2] * 2, scores.shape[3] * 2)))

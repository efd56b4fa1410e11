"""FCN-32s, 16s and 8s (Long, Shelhamer and Darrell, CVPR 2015) in the three forms that are in use."""
from torch import nn
from torch.nn import functional as F

from .blocks import BilinearUpsample, scaled
from .resnet import ResNet
from .system import System
from .vgg import Vgg16


class FcnVgg(System):
    """The original on VGG16: the image padded by 100, skips cropped to fit and added. Answers at the image's size, whatever that is.

    stride 32, 16 or 8 says how many skips there are. padded=False is the form of most tutorials: padding 1, no crops, sides of 32·k.
    at_once=True is the version whose skips were trained from the start, on features that are scaled down.
    """

    preprocess = "caffe"

    def __init__(self, classes, stride=8, padded=True, at_once=False, width=1.0):
        super().__init__()
        self.stride, self.padded, self.at_once = stride, padded, at_once
        self.multiple = 1 if padded else 32
        self.vgg = Vgg16(width, first_padding=100 if padded else 1)
        hidden = scaled(4096, width)
        self.fc6 = nn.Conv2d(self.vgg.channels[4], hidden, 7, padding=0 if padded else 3)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.score = nn.Conv2d(hidden, classes, 1)
        self.score_pool4 = nn.Conv2d(self.vgg.channels[3], classes, 1) if stride <= 16 else None
        self.score_pool3 = nn.Conv2d(self.vgg.channels[2], classes, 1) if stride == 8 else None
        up = (lambda s: BilinearUpsample(classes, 2 * s, s)) if padded else (lambda s: BilinearUpsample(classes, 2 * s, s, s // 2))
        self.up4 = up(2) if stride <= 16 else None
        self.up3 = up(2) if stride == 8 else None
        self.up = up(stride)

    def forward(self, image):
        x, pools = image, []
        for block in self.vgg:
            # Caffe rounds the size of a pool up.
            x = F.max_pool2d(block(x), 2, 2, ceil_mode=self.padded)
            pools.append(x)
        x = self.score(F.relu(self.fc7(F.relu(self.fc6(x)))))
        if self.up4 is not None:
            x = self.join(self.up4(x), self.score_pool4(pools[3] * 0.01 if self.at_once else pools[3]), 5)
        if self.up3 is not None:
            x = self.join(self.up3(x), self.score_pool3(pools[2] * 0.0001 if self.at_once else pools[2]), 9)
        x = self.up(x)
        return self.crop(x, image, {32: 19, 16: 27, 8: 31}[self.stride]) if self.padded else x

    def join(self, x, skip, offset):
        return x + (self.crop(skip, x, offset) if self.padded else skip)

    @staticmethod
    def crop(x, like, offset):
        return x[:, :, offset:offset + like.shape[2], offset:offset + like.shape[3]]


class FcnResNet(System):
    """FCN-8s on ResNet-34 (or 18): 1×1 scores of strides 32, 16 and 8, transposed convolutions that double exactly; sides of 32·k."""

    multiple = 32

    def __init__(self, classes, depth=34, width=1.0):
        super().__init__()
        self.backbone = ResNet(depth, 32, width)
        self.scores = nn.ModuleList(nn.Conv2d(channels, classes, 1) for channels in self.backbone.channels[1:])
        self.up4, self.up3 = BilinearUpsample(classes, 4, 2, 1), BilinearUpsample(classes, 4, 2, 1)
        self.up = BilinearUpsample(classes, 16, 8, 4)

    def forward(self, image):
        c3, c4, c5 = (score(f) for score, f in zip(self.scores, self.backbone(image)[1:]))
        return self.up(self.up3(self.up4(c5) + c4) + c3)


class FcnDilated(System):
    """torchvision's fcn_resnet50 and 101, another network of the same name: a dilated ResNet, 3×3, 1×1, and one resize by 8."""

    output_stride = 8

    def __init__(self, classes, depth=50, width=1.0):
        super().__init__()
        self.backbone = ResNet(depth, 8, width, contract=True)
        inputs = self.backbone.channels[3]
        self.head = nn.Sequential(
            nn.Conv2d(inputs, inputs // 4, 3, 1, 1, bias=False), nn.BatchNorm2d(inputs // 4), nn.ReLU(inplace=True), nn.Dropout(0.1),
            nn.Conv2d(inputs // 4, classes, 1))

    def forward(self, image):
        return self.head(self.backbone(image)[3])

"""SegNet (Badrinarayanan et al., PAMI 2017): a decoder that puts maxima back to where the encoder found them."""
from torch import nn

from .blocks import MaxPoolWithIndices, scaled, unpool
from .system import System
from .vgg import PLAN


class ConvBiasBnRelu(nn.Sequential):
    """As Caffe has it: the convolution keeps its bias."""

    def __init__(self, inputs, outputs):
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class SegNet(System):
    """VGG16's convolutions and their mirror image, with batch normalisation. Answers at the image's size, whatever that is."""

    preprocess = "raw_bgr"

    def __init__(self, classes, width=1.0):
        super().__init__()
        self.pool = MaxPoolWithIndices()
        self.encoder, self.decoder, inputs = nn.ModuleList(), nn.ModuleList(), 3
        for channels, count in PLAN:
            outputs = scaled(channels, width)
            self.encoder.append(nn.Sequential(*(ConvBiasBnRelu(inputs if i == 0 else outputs, outputs) for i in range(count))))
            # Mirrored: the last convolution of a block goes to the channels of the block above; that of the first block gives the classes.
            last = nn.Conv2d(outputs, classes, 3, padding=1) if inputs == 3 else ConvBiasBnRelu(outputs, inputs)
            self.decoder.insert(0, nn.Sequential(*(ConvBiasBnRelu(outputs, outputs) for _ in range(count - 1)), last))
            inputs = outputs

    def forward(self, x):
        pools = []
        for block in self.encoder:
            before = block(x)
            x, indices = self.pool(before)
            pools.append((before, indices))
        for block in self.decoder:
            before, indices = pools.pop()
            x = block(unpool(x, indices, before))
        return x

"""SegNet (Badrinarayanan et al., PAMI 2017): a decoder that puts maxima back to where the encoder found them."""
from torch import nn

from .blocks import MaxPoolWithIndices, scaled, unpool
from .system import System
from .vgg import PLAN


class ConvBiasBnRelu(nn.Sequential):
    """As Caffe has it: the convolution keeps its bias."""

    def __init__(self, inputs, outputs, kernel=3, relu=True):
        super().__init__(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm2d(outputs))
        if relu:
            self.append(nn.ReLU(inplace=True))


class EncoderDecoder(System):
    """What both networks do: encode and remember, unpool and decode. Answers at the image's size, whatever that is."""

    preprocess = "raw_bgr"

    def __init__(self):
        super().__init__()
        self.pool, self.encoder, self.decoder = MaxPoolWithIndices(), nn.ModuleList(), nn.ModuleList()

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


class SegNet(EncoderDecoder):
    """VGG16's convolutions and their mirror image, with batch normalisation."""

    def __init__(self, classes, width=1.0):
        super().__init__()
        inputs = 3
        for channels, count in PLAN:
            outputs = scaled(channels, width)
            self.encoder.append(nn.Sequential(*(ConvBiasBnRelu(inputs if i == 0 else outputs, outputs) for i in range(count))))
            # Mirrored: the last convolution of a block goes to the channels of the block above; that of the first block gives the classes.
            last = nn.Conv2d(outputs, classes, 3, padding=1) if inputs == 3 else ConvBiasBnRelu(outputs, inputs)
            self.decoder.insert(0, nn.Sequential(*(ConvBiasBnRelu(outputs, outputs) for _ in range(count - 1)), last))
            inputs = outputs


class SegNetBasic(EncoderDecoder):
    """Four stages of one 7×7 convolution, on contrast that is normalised over the image's three channels."""

    def __init__(self, classes, width=1.0):
        super().__init__()
        channels = scaled(64, width)
        self.encoder.extend(ConvBiasBnRelu(3 if i == 0 else channels, channels, 7) for i in range(4))
        self.decoder.extend(ConvBiasBnRelu(channels, channels, 7, relu=False) for _ in range(4))
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, x):
        # Local response normalisation over five channels sees all three from each of them.
        return self.classifier(super().forward(x / (1 + 1e-4 / 5 * (x * x).sum(1, keepdim=True)) ** 0.75))

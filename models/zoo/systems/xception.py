"""Aligned Xception-65 (Chollet, CVPR 2017; Chen et al., ECCV 2018): separable convolutions with batch normalisation after each part."""
from torch import nn
from torch.nn import functional as F

from .blocks import ConvBnRelu, SeparableConv, scaled


class XceptionBlock(nn.Module):
    """Three separable convolutions. The shortcut is a 1×1 convolution where channels or stride change, or left out (None).

    Elsewhere than in the last block, ReLU stands before each separable convolution and not inside of it.
    """

    def __init__(self, inputs, outputs, stride=1, dilation=1, residual=True, relu_inside=False):
        super().__init__()
        self.relu_inside = relu_inside
        channels = (inputs, *outputs)
        self.convs = nn.ModuleList(
            SeparableConv(channels[i], channels[i + 1], stride if i == 2 else 1, dilation, relu=relu_inside) for i in range(3))
        if not residual:
            self.shortcut = None
        elif stride == 1 and inputs == outputs[2]:
            self.shortcut = nn.Identity()
        else:
            self.shortcut = ConvBnRelu(inputs, outputs[2], 1, stride, relu=False)

    def forward(self, x):
        out, second = x, None
        for i, conv in enumerate(self.convs):
            out = conv(out if self.relu_inside else F.relu(out))
            second = out if i == 1 else second
        return (out if self.shortcut is None else out + self.shortcut(x)), second


class Xception65(nn.Module):
    """Output stride 16. Returns the features of stride 4 (256 channels, before the second block's stride) and the last (2048)."""

    def __init__(self, output_stride=16, width=1.0, middle=16):
        super().__init__()
        if output_stride not in (16, 8):
            raise ValueError("Xception-65 has output stride 16 or 8.")
        c = {n: scaled(n, width) for n in (32, 64, 128, 256, 728, 1024, 1536, 2048)}
        rate = 16 // output_stride
        self.stem = nn.Sequential(ConvBnRelu(3, c[32], 3, 2), ConvBnRelu(c[32], c[64]))
        self.entry = nn.ModuleList([
            XceptionBlock(c[64], [c[128]] * 3, 2), XceptionBlock(c[128], [c[256]] * 3, 2), XceptionBlock(c[256], [c[728]] * 3, 2 // rate)])
        self.middle = nn.ModuleList(XceptionBlock(c[728], [c[728]] * 3, dilation=rate) for _ in range(middle))
        self.exit = nn.ModuleList([
            XceptionBlock(c[728], [c[728], c[1024], c[1024]], dilation=rate),
            XceptionBlock(c[1024], [c[1536], c[1536], c[2048]], dilation=2 * rate, residual=False, relu_inside=True)])
        self.channels = [c[256], c[2048]]

    def forward(self, x):
        x = self.stem(x)
        x, _ = self.entry[0](x)
        x, low = self.entry[1](x)
        x, _ = self.entry[2](x)
        for block in (*self.middle, *self.exit):
            x, _ = block(x)
        return [low, x]

"""A ResNet-18 with few channels, the backbone of the trained models: small enough to serve from a CPU, and to train on one."""
from torch import nn

from blocks import BasicBlock, ConvBnRelu


class NarrowResNet18(nn.Module):
    """Returns the features of its four stages, of strides 4, 8, 16, 32 or less: from `output_stride` on, dilation takes the place of stride.

    The stem is one 3×3 convolution instead of a 7×7. As in torchvision, the first block of a dilated stage keeps the dilation before it, so that
    weights trained at one output stride mean nearly the same at another.
    """

    def __init__(self, widths, output_stride=32, blocks=(2, 2, 2, 2)):
        super().__init__()
        self.stem = nn.Sequential(ConvBnRelu(3, widths[0], 3, 2), nn.MaxPool2d(3, 2, 1))
        inputs, total_stride, dilation = widths[0], 4, 1
        for i, (width, count) in enumerate(zip(widths, blocks)):
            stride, before = (1 if i == 0 else 2), dilation
            if total_stride * stride > output_stride:
                stride, dilation = 1, 2 * dilation
            total_stride *= stride
            stage = [BasicBlock(inputs, width, stride, before)] + [BasicBlock(width, width, 1, dilation) for _ in range(count - 1)]
            setattr(self, f"stage{i + 1}", nn.Sequential(*stage))
            inputs = width

    def forward(self, x):
        stride4 = self.stage1(self.stem(x))
        stride8 = self.stage2(stride4)
        stride16 = self.stage3(stride8)
        return stride4, stride8, stride16, self.stage4(stride16)

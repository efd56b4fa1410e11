"""ResNet-18, the backbone of the trained models: with few channels and a small stem to learn from scratch, or as it is trained on ImageNet."""
from torch import nn

from blocks import BasicBlock, ConvBnRelu


class ResNet18(nn.Module):
    """Returns the features of the stem at stride 2 and of its stages, one for each width, of strides 4, 8, 16, 32 or less: from `output_stride` on, dilation takes the place of
    stride. The paper's has widths of 64 to 512 and a stem of 7×7.

    As in torchvision, the first block of a dilated stage keeps the dilation before it, so that weights trained at one output stride mean nearly the
    same at another.
    """

    def __init__(self, widths, output_stride=32, blocks=(2, 2, 2, 2), stem=3):
        super().__init__()
        self.stem = nn.Sequential(ConvBnRelu(3, widths[0], stem, 2), nn.MaxPool2d(3, 2, 1))
        inputs, total_stride, dilation = widths[0], 4, 1
        for i, (width, count) in enumerate(zip(widths, blocks)):
            stride, before = (1 if i == 0 else 2), dilation
            if total_stride * stride > output_stride:
                stride, dilation = 1, 2 * dilation
            total_stride *= stride
            stage = [BasicBlock(inputs, width, stride, before)] + [BasicBlock(width, width, 1, dilation) for _ in range(count - 1)]
            setattr(self, f"stage{i + 1}", nn.Sequential(*stage))
            inputs = width
        self.stages = len(widths)

    def forward(self, x):
        convolution, pool = self.stem
        features = [convolution(x)]
        x = pool(features[0])
        for i in range(self.stages):
            x = getattr(self, f"stage{i + 1}")(x)
            features.append(x)
        return features

"""ResNet-18, the backbone of the trained models: with few channels and a small stem to learn from scratch, or as it is trained on ImageNet."""
from torch import nn
from torch.nn import functional as F

from systems.blocks import ConvBnRelu


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al., CVPR 2016), with the dilation of DeepLab's last stage."""

    def __init__(self, inputs, outputs, stride=1, dilation=1):
        super().__init__()
        self.conv1 = ConvBnRelu(inputs, outputs, 3, stride, dilation)
        self.conv2 = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity() if stride == 1 and inputs == outputs else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.conv2(self.conv1(x)) + self.shortcut(x), inplace=True)


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


def initialise(module):
    """He initialisation of convolutions, as training from scratch needs; batch normalisation starts as identity."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)

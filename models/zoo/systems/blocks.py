"""Building blocks that the systems share. Tensors are N×C×H×W."""
import torch
from torch import nn
from torch.nn import functional as F


def scaled(channels, width):
    """A number of channels at a width factor: a multiple of 4, at least 4; as it is where the factor is 1."""
    return channels if width == 1 else max(4, 4 * round(channels * width / 4))


class ConvBnRelu(nn.Sequential):
    """k×k convolution without bias, batch normalisation, ReLU; padding keeps ceil(H / stride)."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, dilation=1, groups=1, relu=True):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, groups, bias=False),
            nn.BatchNorm2d(outputs))
        if relu:
            self.append(nn.ReLU(inplace=True))


class SeparableConv(nn.Sequential):
    """Depthwise 3×3 and pointwise 1×1, each with batch normalisation, and ReLU where asked for."""

    def __init__(self, inputs, outputs, stride=1, dilation=1, relu=True):
        super().__init__(
            ConvBnRelu(inputs, inputs, 3, stride, dilation, groups=inputs, relu=relu), ConvBnRelu(inputs, outputs, 1, relu=relu))


def resize(x, size, align_corners=False):
    """Bilinear. The size must come from a tensor's shape: a Python number would freeze the size that was traced."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


def resize_like(x, reference, align_corners=False):
    return resize(x, reference.shape[-2:], align_corners)


def pooling_matrix(length, bins):
    """bins × length: row i averages what adaptive pooling gives to bin i, ⌊i·length/bins⌋ up to ⌈(i+1)·length/bins⌉."""
    positions, index = torch.arange(length).unsqueeze(0), torch.arange(bins).unsqueeze(1)
    start = torch.div(index * length, bins, rounding_mode="trunc")
    end = torch.div((index + 1) * length + (bins - 1), bins, rounding_mode="trunc")
    inside = torch.logical_and(positions >= start, positions < end)
    return inside.to(torch.float32) / (end - start).to(torch.float32)


def adaptive_average_pool(x, bins):
    """Adaptive average pooling to bins × bins as two matrix products, since ONNX has no operator for it and H and W stay open."""
    rows, columns = pooling_matrix(x.shape[2], bins).to(x.device), pooling_matrix(x.shape[3], bins).to(x.device)
    return torch.matmul(torch.matmul(rows, x), columns.transpose(0, 1))


class MaxPoolWithIndices(nn.MaxPool2d):
    """2×2 maxima and where each came from, as an index into H·W."""

    def __init__(self):
        super().__init__(2, 2, return_indices=True)


def unpool(x, indices, like):
    """Puts maxima back to where they came from, zeros elsewhere. max_unpool2d is not exportable; a scatter into zeros is, and equals it at any size."""
    zeros = torch.zeros_like(like).flatten(2)
    return zeros.scatter(2, indices.flatten(2), x.flatten(2)).view(like.shape)


def bilinear_kernel(size):
    """The size × size weights that interpolate by size / 2."""
    centre = (size - 1) / 2 if size % 2 else size / 2 - 0.5
    slope = 1 - (torch.arange(size, dtype=torch.float32) - centre).abs() / ((size + 1) // 2)
    return slope.unsqueeze(1) * slope.unsqueeze(0)


class BilinearUpsample(nn.ConvTranspose2d):
    """FCN's transposed convolution: fixed bilinear weights on the diagonal of classes, no bias."""

    def __init__(self, classes, kernel, stride, padding=0):
        super().__init__(classes, classes, kernel, stride, padding, bias=False)
        self.reset()

    def reset(self):
        with torch.no_grad():
            self.weight.zero_()
            for c in range(self.in_channels):
                self.weight[c, c] = bilinear_kernel(self.kernel_size[0])

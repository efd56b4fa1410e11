"""What is rewritten for ONNX equals PyTorch's own operator."""
import pytest
import torch
from torch.nn import functional as F

from systems.blocks import MaxPoolWithIndices, adaptive_average_pool, bilinear_kernel, unpool


@pytest.mark.parametrize("bins", [1, 2, 3, 6, 12, 20])
@pytest.mark.parametrize("size", [(60, 60), (65, 97), (21, 26), (7, 5)])
def test_adaptive_average_pool_equals_pytorch(bins, size):
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(bins))
    assert torch.allclose(adaptive_average_pool(x, bins), F.adaptive_avg_pool2d(x, bins), atol=1e-6)


@pytest.mark.parametrize("size", [(8, 12), (21, 26), (9, 7)])
def test_unpool_equals_pytorch(size):
    before = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    x, indices = MaxPoolWithIndices()(before)
    assert torch.equal(unpool(x, indices, before), F.max_unpool2d(x, indices, 2, output_size=before.shape[-2:]))


@pytest.mark.parametrize("stride", [2, 8, 16, 32])
def test_bilinear_kernel_interpolates(stride):
    """Inside, a transposed convolution with these weights is a bilinear resize with half-pixel centres."""
    x = torch.rand(1, 1, 6, 5, generator=torch.Generator().manual_seed(0))
    upsampled = F.conv_transpose2d(x, bilinear_kernel(2 * stride)[None, None], stride=stride, padding=stride // 2)
    resized = F.interpolate(x, scale_factor=stride, mode="bilinear", align_corners=False)
    inside = (..., slice(stride, -stride), slice(stride, -stride))
    assert upsampled.shape == resized.shape
    assert torch.allclose(upsampled[inside], resized[inside], atol=1e-6)

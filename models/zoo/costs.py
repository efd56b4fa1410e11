"""What a network costs: parameters and multiply-accumulates, counted by hooks."""
import math

import torch
from torch import nn

from systems.cpnet import Product


def parameters(module):
    """Weights, biases, scale and shift of batch normalisation; not its running statistics."""
    return sum(p.numel() for p in module.parameters())


def multiply_accumulates(module, height, width):
    """Of convolutions and of matrix products between feature maps, batch 1, eval mode. On the meta device nothing is computed."""
    total = 0

    def convolution(layer, inputs, output):
        nonlocal total
        positions = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        share = layer.out_channels if isinstance(layer, nn.ConvTranspose2d) else layer.in_channels
        total += positions.numel() * share // layer.groups * math.prod(layer.kernel_size)

    def product(_, inputs, output):
        nonlocal total
        total += output.numel() * inputs[0].shape[-1]

    hooks = [m.register_forward_hook(convolution) for m in module.modules() if isinstance(m, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d))]
    hooks += [m.register_forward_hook(product) for m in module.modules() if isinstance(m, Product)]
    device = next(module.parameters()).device
    with torch.no_grad():
        module.eval()(torch.zeros(1, module.channels, height, width, device=device))
    for hook in hooks:
        hook.remove()
    return total

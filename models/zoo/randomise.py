"""Random weights that behave like trained ones: activations of ordinary size, and batch normalisation with statistics of its own."""
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from systems.blocks import BilinearUpsample
from systems.mobilenet_v2 import InvertedResidual
from systems.resnet import BasicBlock, Bottleneck
from systems.xception import XceptionBlock

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)


def beside_the_trunk(module, block):
    return any(module is m for name, m in block.named_modules() if name.startswith(("downsample", "shortcut", "attention")))


@torch.no_grad()
def randomise(network, seed, images):
    """Draws all weights; one pass over some images (normalised, N×3×H×W) then gives every convolution outputs of variance 1.

    A BatchNorm with default statistics would be merged with its neighbours by the exporter, and prove nothing.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor, low, high):
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    for module in network.modules():
        if isinstance(module, BilinearUpsample):
            module.reset()
        elif isinstance(module, CONVOLUTIONS):
            module.weight.copy_(torch.randn(module.weight.shape, generator=generator) / module.weight[0].numel() ** 0.5)
            if module.bias is not None:
                uniform(module.bias, -0.1, 0.1)
        elif isinstance(module, _BatchNorm):
            uniform(module.weight, 0.5, 1.5), uniform(module.bias, -0.2, 0.2)
            module.reset_running_stats()
            module.momentum = 1.0  # the statistics of these images
    # A stack of fifty normalised random layers is chaotic: it would make digits of rounding. In trained networks shortcuts dominate, too.
    for module in network.modules():
        if isinstance(module, (BasicBlock, Bottleneck, InvertedResidual, XceptionBlock)):
            [m for m in module.modules() if isinstance(m, nn.BatchNorm2d) and not beside_the_trunk(m, module)][-1].weight *= 0.3

    def to_unit_variance(module, _, output):
        scale = output.std().clamp(min=1e-6)
        module.weight /= scale
        if module.bias is None:
            return output / scale
        # Channels that differ in their means would give the whole image one class.
        channel = (1, -1, *[1] * (output.dim() - 2))
        mean, bias = output.transpose(0, 1).flatten(1).mean(1), torch.empty_like(module.bias)
        uniform(bias, -0.1, 0.1)
        module.bias.copy_((module.bias - mean) / scale + bias)
        return (output - mean.view(channel)) / scale + bias.view(channel)

    fitted = [m for m in network.modules() if isinstance(m, CONVOLUTIONS) and not isinstance(m, BilinearUpsample)]
    hooks = [m.register_forward_hook(to_unit_variance) for m in fitted]
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    network(images)
    for hook in hooks:
        hook.remove()
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            spread = module.running_var.sqrt()
            shift = torch.empty_like(spread)
            uniform(shift, -0.1, 0.1)
            module.running_mean += shift * spread
            uniform(shift, 0.8, 1.25)
            module.running_var.mul_(shift).clamp_(min=0.1)  # channels that are always 0 in these images would be blown up in others
            module.momentum = 0.1
    return network.eval()

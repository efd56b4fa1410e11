"""Weights of forks that people have, by the names that our definitions give them.

A fork is recognised by one of its keys. Each rule is a regular expression and what its match becomes; the first that matches a key counts.
"""
import re
from dataclasses import dataclass, field

import torch

# Where training tools put the weights, in a file that holds more.
WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model")
_RESNET = [(r"^backbone\.conv1\.", "backbone.stem.0."), (r"^backbone\.bn1\.", "backbone.stem.1."), (r"^backbone\.layer", "backbone.layer")]


def _aspp(prefix):
    return [
        (prefix + r"convs\.4\.1\.", "aspp.pool.0."), (prefix + r"convs\.4\.2\.", "aspp.pool.1."), (prefix + r"convs\.(\d)\.", r"aspp.branches.\1."),
        (prefix + r"project\.", "aspp.project.")]


def _deeplab_v3(prefix):
    return [*_RESNET, *_aspp(prefix + r"0\."), (prefix + r"1\.", "conv.0."), (prefix + r"2\.", "conv.1."), (prefix + r"4\.", "classifier.")]


_MOBILENET = [(r"^backbone\.low_level_features\.", "backbone.low."), (r"^backbone\.high_level_features\.", "backbone.high.")]


def _one_less(template):
    """DrSleep and milesial count from 1."""
    return lambda match: template.format(*(int(number) - 1 for number in match.groups()))


# Two convolutions with their normalisations, as milesial numbers them and as we do.
_PAIR = ((0, "0.0"), (1, "0.1"), (3, "1.0"), (4, "1.1"))
_REFINENET = [
    (r"^conv1\.", "backbone.stem.0."), (r"^bn1\.", "backbone.stem.1."), (r"^layer", "backbone.layer"),
    (r"^p_ims1d2_outl(\d)_dimred\.", _one_less("levels.{}.reduce.")),
    (r"^adapt_stage(\d)_b2_joint_varout_dimred\.", _one_less("levels.{}.fuse.")),
    (r"^adapt_stage(\d)_b\.0\.(\d)_conv\.", _one_less("levels.{}.adapt.{}.conv1.")),
    (r"^adapt_stage(\d)_b\.0\.(\d)_conv_relu_varout_dimred\.", _one_less("levels.{}.adapt.{}.conv2.")),
    (r"^mflow_conv_g(\d)_pool\.0\.(\d)_outvar_dimred\.", _one_less("levels.{}.pool.convs.{}.")),
    (r"^mflow_conv_g(\d)_b\.0\.(\d)_conv\.", _one_less("levels.{}.refine.{}.conv1.")),
    (r"^mflow_conv_g(\d)_b\.0\.(\d)_conv_relu_varout_dimred\.", _one_less("levels.{}.refine.{}.conv2.")),
    (r"^mflow_conv_g(\d)_b3_joint_varout_dimred\.", lambda m: f"levels.{m[1]}.fuse_coarser."),
    (r"^clf_conv\.", "classifier."),
]

_UNET = [
    *((rf"^inc\.double_conv\.{theirs}\.", f"inc.{ours}.") for theirs, ours in _PAIR),
    *((rf"^down(\d)\.maxpool_conv\.1\.double_conv\.{theirs}\.", _one_less("down.{}." + ours + ".")) for theirs, ours in _PAIR),
    *((rf"^up(\d)\.conv\.double_conv\.{theirs}\.", _one_less("conv.{}." + ours + ".")) for theirs, ours in _PAIR),
    (r"^up(\d)\.up\.", _one_less("up.{}.")), (r"^outc\.conv\.", "classifier."),
]


@dataclass
class Fork:
    """system: the one that its weights fit. options, backbones: what its definition does otherwise. ignored: keys that only training needs.
    resize: of images, as its authors evaluate."""

    name: str
    system: str
    key: str
    rules: list
    options: dict = field(default_factory=dict)
    backbones: dict = field(default_factory=dict)
    ignored: str = r"^aux"
    resize: dict = None


_SHORT_520 = {"mode": "short_side", "size": 520}
FORKS = [
    Fork("VainF DeepLab v3+", "deeplabv3plus", r"^classifier\.aspp\.convs\.", [
        *_RESNET, *_MOBILENET, *_aspp(r"^classifier\.aspp\."), (r"^classifier\.project\.", "low."),
        (r"^classifier\.classifier\.0\.", "decoder.0.0."), (r"^classifier\.classifier\.1\.", "decoder.0.1."), (r"^classifier\.classifier\.3\.", "classifier.")],
        {"decoder_convs": 1}, {"mobilenetv2": "mobilenetv2-vainf"}),
    Fork("VainF DeepLab v3", "deeplabv3", r"^classifier\.classifier\.0\.convs\.", [*_MOBILENET, *_deeplab_v3(r"^classifier\.classifier\.")],
        {}, {"mobilenetv2": "mobilenetv2-vainf"}),
    Fork("torchvision DeepLab v3", "deeplabv3", r"^classifier\.0\.convs\.", _deeplab_v3(r"^classifier\."), {"output_stride": 8}, resize=_SHORT_520),
    Fork("torchvision FCN", "fcn", r"^classifier\.0\.weight$", [*_RESNET, (r"^classifier\.", "head.")], resize=_SHORT_520),
    Fork("hszhao PSPNet", "pspnet", r"^ppm\.features\.", [
        (r"^layer0\.", "backbone.stem."), (r"^layer", "backbone.layer"), (r"^ppm\.features\.(\d)\.1\.", r"pyramid.\1.0."), (r"^ppm\.features\.(\d)\.2\.", r"pyramid.\1.1."),
        (r"^cls\.0\.", "head.0.0."), (r"^cls\.1\.", "head.0.1."), (r"^cls\.4\.", "head.2.")]),
    Fork("DrSleep RefineNet", "refinenet", r"^mflow_conv_g1_pool\.", _REFINENET),
    Fork("milesial U-Net", "unet", r"^inc\.double_conv\.", _UNET, ignored=r"^mask_values$"),
]


@dataclass
class Checkpoint:
    """The weights of a file. fork is None where they have our own names. values: grey levels of a U-Net's classes."""

    weights: dict
    fork: Fork
    ignored: list
    values: list


def read(file):
    """Takes the weights out of a checkpoint and gives them our names."""
    content = torch.load(file, map_location="cpu")
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    values = content.get("mask_values")
    content = {key[len("module."):] if key.startswith("module.") else key: value for key, value in content.items()}
    fork = next((f for f in FORKS if any(re.search(f.key, key) for key in content)), None)
    if fork is None:
        return Checkpoint({k: v for k, v in content.items() if torch.is_tensor(v)}, None, [], values)
    ignored = [key for key in content if re.search(fork.ignored, key) or not torch.is_tensor(content[key])]
    weights = {rename(key, fork.rules): value for key, value in content.items() if key not in ignored}
    return Checkpoint(weights, fork, ignored, values)


def rename(key, rules):
    for pattern, replacement in rules:
        if re.search(pattern, key):
            return re.sub(pattern, replacement, key, count=1)
    return key


def load(network, checkpoint):
    """Copies the weights. Returns what is missing in the file, and what is left over or has another shape."""
    own = network.state_dict()
    fitting = {key: value for key, value in checkpoint.weights.items() if key in own and own[key].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    missing = [key for key in own if key not in fitting and not key.endswith("num_batches_tracked")]
    left_over = [f"{key} {tuple(value.shape)}" + (f", expected {tuple(own[key].shape)}" if key in own else "") for key, value in checkpoint.weights.items() if key not in fitting]
    return missing, left_over

"""All systems by name. A backbone's name chooses the variant; further keyword arguments are the class's own."""
from .cpnet import CpNet
from .deeplab_v1 import DeepLabV1
from .deeplab_v2 import DeepLabV2
from .deeplab_v3 import DeepLabV3
from .deeplab_v3plus import DeepLabV3Plus
from .dsrl import Dsrl
from .fcn import FcnDilated, FcnResNet, FcnVgg
from .hanet import HaNet
from .hrnet import HrNetV2
from .pspnet import PspNet
from .refinenet import RefineNet
from .segnet import SegNet, SegNetBasic
from .spnet import SpNet
from .unet import UNet, UNetOriginal

_RESNETS = {"resnet50": {"depth": 50}, "resnet101": {"depth": 101}}
_FCN = {"vgg16": (FcnVgg, {}), "vgg16-p1": (FcnVgg, {"padded": False})}
_DEEPLAB = {name: {"backbone": name} for name in ("resnet50", "resnet101", "mobilenetv2", "mobilenetv2-vainf", "xception65")}

# system: {backbone: (class, arguments)}; the first backbone is the default.
SYSTEMS = {
    "fcn32s": {name: (cls, {"stride": 32, **more}) for name, (cls, more) in _FCN.items()},
    "fcn16s": {name: (cls, {"stride": 16, **more}) for name, (cls, more) in _FCN.items()},
    "fcn8s": {**{name: (cls, {"stride": 8, **more}) for name, (cls, more) in _FCN.items()}, "resnet34": (FcnResNet, {"depth": 34}), "resnet18": (FcnResNet, {"depth": 18})},
    "fcn": {name: (FcnDilated, more) for name, more in _RESNETS.items()},
    "deeplabv1-largefov": {"vgg16": (DeepLabV1, {})},
    "deeplabv1-msc": {"vgg16": (DeepLabV1, {"msc": True})},
    "deeplabv2": {name: (DeepLabV2, {"backbone": name}) for name in ("resnet101", "resnet50", "vgg16")},
    "deeplabv2-msc": {name: (DeepLabV2, {"backbone": name, "msc": True}) for name in ("resnet101", "resnet50", "vgg16")},
    "deeplabv3": {name: (DeepLabV3, more) for name, more in _DEEPLAB.items()},
    "deeplabv3plus": {name: (DeepLabV3Plus, more) for name, more in _DEEPLAB.items()},
    "refinenet": {name: (RefineNet, more) for name, more in reversed(_RESNETS.items())},
    "unet": {"transposed": (UNet, {}), "bilinear": (UNet, {"bilinear": True}), "original": (UNetOriginal, {})},
    "pspnet": {name: (PspNet, more) for name, more in _RESNETS.items()},
    "hrnetv2": {f"w{c}": (HrNetV2, {"channels": c}) for c in (18, 32, 48)},
    "segnet": {"vgg16": (SegNet, {}), "basic": (SegNetBasic, {})},
    "dsrl": {name: (Dsrl, more) for name, more in reversed(_DEEPLAB.items())},
    "hanet": {name: (HaNet, more) for name, more in reversed(_RESNETS.items())},
    "spnet": {name: (SpNet, more) for name, more in _RESNETS.items()},
    "cpnet": {name: (CpNet, more) for name, more in _RESNETS.items()},
}


def create(system, backbone=None, classes=21, **options):
    """A system by name; options go to its class: width, output_stride, size …"""
    if system not in SYSTEMS:
        raise ValueError(f"'{system}' is no system of the zoo; expected one of {', '.join(SYSTEMS)}.")
    variants = SYSTEMS[system]
    backbone = backbone or next(iter(variants))
    if backbone not in variants:
        raise ValueError(f"{system} has no backbone '{backbone}'; expected one of {', '.join(variants)}.")
    cls, arguments = variants[backbone]
    return cls(classes, **{**arguments, **options})

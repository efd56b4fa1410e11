"""Backbones by name, as DeepLab v3 and v3+ take them: each returns a list of features, the first of stride 4."""
from .mobilenet_v2 import MobileNetV2
from .resnet import ResNet
from .xception import Xception65


def create(name, output_stride, width, multi_grid=None):
    if name in ("resnet50", "resnet101"):
        return ResNet(int(name[6:]), output_stride, width, contract=multi_grid is None, multi_grid=multi_grid or (1, 1, 1))
    if name in ("mobilenetv2", "mobilenetv2-vainf"):
        return MobileNetV2(output_stride, width, early_padding=name.endswith("-vainf"))
    if name == "xception65":
        return Xception65(output_stride, width)
    raise ValueError(f"'{name}' is no backbone; expected resnet50, resnet101, mobilenetv2, mobilenetv2-vainf or xception65.")

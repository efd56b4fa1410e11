"""Checkpoints of forks, with the keys that their files have, fill our definitions completely."""
import pytest
import torch

import importers
import systems

CLASSES = 5


def batch_norm(prefix, channels):
    return {**{f"{prefix}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}, f"{prefix}.num_batches_tracked": ()}


def conv_bn(conv, norm, inputs, outputs, kernel=1):
    return {f"{conv}.weight": (outputs, inputs, kernel, kernel), **batch_norm(norm, outputs)}


def resnet50(prefix, stem=64):
    keys, inputs = {}, stem
    for stage, blocks in enumerate((3, 4, 6, 3)):
        planes = 64 * 2 ** stage
        for i in range(blocks):
            block = f"{prefix}layer{stage + 1}.{i}."
            keys.update(conv_bn(block + "conv1", block + "bn1", inputs, planes))
            keys.update(conv_bn(block + "conv2", block + "bn2", planes, planes, 3))
            keys.update(conv_bn(block + "conv3", block + "bn3", planes, 4 * planes))
            if i == 0:
                keys.update(conv_bn(block + "downsample.0", block + "downsample.1", inputs, 4 * planes))
            inputs = 4 * planes
    return keys


def plain_stem(prefix):
    return conv_bn(prefix + "conv1", prefix + "bn1", 3, 64, 7)


def aspp(prefix, inputs):
    keys = conv_bn(prefix + "convs.0.0", prefix + "convs.0.1", inputs, 256)
    for i in (1, 2, 3):
        keys.update(conv_bn(f"{prefix}convs.{i}.0", f"{prefix}convs.{i}.1", inputs, 256, 3))
    keys.update(conv_bn(prefix + "convs.4.1", prefix + "convs.4.2", inputs, 256))
    return {**keys, **conv_bn(prefix + "project.0", prefix + "project.1", 1280, 256)}


def classifier(prefix, inputs, kernel=1):
    return {prefix + ".weight": (CLASSES, inputs, kernel, kernel), prefix + ".bias": (CLASSES,)}


def mobilenet():
    keys, inputs, number = conv_bn("backbone.low_level_features.0.0", "backbone.low_level_features.0.1", 3, 32, 3), 32, 1
    for expansion, outputs, blocks in ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)):
        for _ in range(blocks):
            block, hidden, at = f"backbone.{'low' if number < 4 else 'high'}_level_features.{number}.conv.", inputs * expansion, 0
            if expansion > 1:
                keys.update(conv_bn(f"{block}0.0", f"{block}0.1", inputs, hidden))
                at = 1
            keys.update({**batch_norm(f"{block}{at}.1", hidden), f"{block}{at}.0.weight": (hidden, 1, 3, 3)})
            keys.update(conv_bn(f"{block}{at + 1}", f"{block}{at + 2}", hidden, outputs))
            inputs, number = outputs, number + 1
    return keys


def v3_head(prefix, inputs):
    return {**aspp(prefix + "0.", inputs), **conv_bn(prefix + "1", prefix + "2", 256, 256, 3), **classifier(prefix + "4", 256)}


def v3plus_head(inputs, low):
    return {**aspp("classifier.aspp.", inputs), **conv_bn("classifier.project.0", "classifier.project.1", low, 48),
            **conv_bn("classifier.classifier.0", "classifier.classifier.1", 304, 256, 3), **classifier("classifier.classifier.3", 256)}


def fcn_head(prefix, inputs):
    return {**conv_bn(prefix + "0", prefix + "1", inputs, inputs // 4, 3), **classifier(prefix + "4", inputs // 4)}


def pspnet():
    keys = {**conv_bn("layer0.0", "layer0.1", 3, 64, 3), **conv_bn("layer0.3", "layer0.4", 64, 64, 3), **conv_bn("layer0.6", "layer0.7", 64, 128, 3), **resnet50("", 128)}
    for i in range(4):
        keys.update(conv_bn(f"ppm.features.{i}.1", f"ppm.features.{i}.2", 2048, 512))
    for prefix, inputs in (("cls", 4096), ("aux", 1024)):
        keys.update({**conv_bn(f"{prefix}.0", f"{prefix}.1", inputs, 512 if prefix == "cls" else 256, 3), **classifier(f"{prefix}.4", 512 if prefix == "cls" else 256)})
    return {"module." + key: shape for key, shape in keys.items()}


def refinenet():
    keys = {**plain_stem(""), **resnet50("")}
    for level, (inputs, channels) in enumerate(((2048, 512), (1024, 256), (512, 256), (256, 256)), 1):
        def conv(name, outputs=channels, source=channels):
            keys[name + ".weight"] = (outputs, source, 3, 3)
        conv(f"p_ims1d2_outl{level}_dimred", source=inputs)
        for part, units in ((f"adapt_stage{level}_b", 2), (f"mflow_conv_g{level}_b", 3)):
            for unit in range(1, units + 1):
                conv(f"{part}.0.{unit}_conv")
                keys[f"{part}.0.{unit}_conv.bias"] = (channels,)
                conv(f"{part}.0.{unit}_conv_relu_varout_dimred")
        for pool in range(1, 5):
            conv(f"mflow_conv_g{level}_pool.0.{pool}_outvar_dimred")
        if level > 1:
            conv(f"adapt_stage{level}_b2_joint_varout_dimred")
        if level < 4:
            conv(f"mflow_conv_g{level}_b3_joint_varout_dimred", outputs=256)
    return {**keys, **classifier("clf_conv", 256, 3)}


def unet(bilinear):
    def pair(prefix, inputs, outputs, middle=None):
        middle = middle or outputs
        return {**conv_bn(f"{prefix}.double_conv.0", f"{prefix}.double_conv.1", inputs, middle, 3), **conv_bn(f"{prefix}.double_conv.3", f"{prefix}.double_conv.4", middle, outputs, 3)}
    half = 2 if bilinear else 1
    keys = pair("inc", 3, 64)
    for i, (inputs, outputs) in enumerate(((64, 128), (128, 256), (256, 512), (512, 1024 // half)), 1):
        keys.update(pair(f"down{i}.maxpool_conv.1", inputs, outputs))
    for i, inputs in enumerate((1024, 512, 256, 128), 1):
        outputs = inputs // 2 // (half if i < 4 else 1)
        keys.update(pair(f"up{i}.conv", inputs, outputs, inputs // 2 if bilinear else None))
        if not bilinear:
            keys.update({f"up{i}.up.weight": (inputs, inputs // 2, 2, 2), f"up{i}.up.bias": (inputs // 2,)})
    return {**keys, **classifier("outc.conv", 64)}


TORCHVISION = {**plain_stem("backbone."), **resnet50("backbone.")}
# fork, our system and backbone, its keys, the member of the file that holds them, keys of training
FORKS = [
    ("VainF DeepLab v3", "deeplabv3", "resnet50", {**TORCHVISION, **v3_head("classifier.classifier.", 2048)}, "model_state", 0),
    ("VainF DeepLab v3", "deeplabv3", "mobilenetv2", {**mobilenet(), **v3_head("classifier.classifier.", 320)}, "model_state", 0),
    ("VainF DeepLab v3+", "deeplabv3plus", "resnet50", {**TORCHVISION, **v3plus_head(2048, 256)}, "model_state", 0),
    ("VainF DeepLab v3+", "deeplabv3plus", "mobilenetv2", {**mobilenet(), **v3plus_head(320, 24)}, "model_state", 0),
    ("torchvision DeepLab v3", "deeplabv3", "resnet50", {**TORCHVISION, **v3_head("classifier.", 2048), **fcn_head("aux_classifier.", 1024)}, None, 8),
    ("torchvision FCN", "fcn", "resnet50", {**TORCHVISION, **fcn_head("classifier.", 2048), **fcn_head("aux_classifier.", 1024)}, None, 8),
    ("hszhao PSPNet", "pspnet", "resnet50", pspnet(), "state_dict", 8),
    ("DrSleep RefineNet", "refinenet", "resnet50", refinenet(), None, 0),
    ("milesial U-Net", "unet", "transposed", {**unet(False), "mask_values": None}, None, 1),
    ("milesial U-Net", "unet", "bilinear", {**unet(True), "mask_values": None}, None, 1),
]


@pytest.mark.parametrize("name, system, backbone, keys, member, training", FORKS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_fork_fills_our_definition(full_size, tmp_path, name, system, backbone, keys, member, training):
    weights = {key: [0, 255] if shape is None else torch.zeros(()).expand(shape) for key, shape in keys.items()}
    torch.save({member: weights, "epoch": 3} if member else weights, tmp_path / "fork.pth")
    checkpoint = importers.read(tmp_path / "fork.pth")
    assert checkpoint.fork.name == name and checkpoint.fork.system == system
    assert len(checkpoint.ignored) == training
    network = full_size(system, checkpoint.fork.backbones.get(backbone, backbone), CLASSES, **checkpoint.fork.options)
    assert importers.load(network, checkpoint) == ([], [])


def test_what_is_missing_or_left_over_is_named(full_size, tmp_path):
    keys = {key: shape for key, shape in TORCHVISION.items() if key != "backbone.layer1.0.conv1.weight"}
    keys.update({**fcn_head("classifier.", 2048), "classifier.4.bias": (21,), "classifier.7.weight": (3,)})
    torch.save({key: torch.zeros(()).expand(shape) for key, shape in keys.items()}, tmp_path / "fork.pth")
    missing, left_over = importers.load(full_size("fcn", "resnet50", CLASSES), importers.read(tmp_path / "fork.pth"))
    assert missing == ["backbone.layer1.0.conv1.weight", "head.4.bias"]
    assert left_over == ["head.4.bias (21,), expected (5,)", "head.7.weight (3,)"]


@pytest.mark.parametrize("name, system", [("fcn_resnet50", "fcn"), ("deeplabv3_resnet50", "deeplabv3")])
@torch.no_grad()
def test_logits_equal_torchvisions(tmp_path, name, system):
    segmentation = pytest.importorskip("torchvision.models.segmentation")
    torch.manual_seed(0)
    theirs = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=CLASSES, aux_loss=True).eval()
    torch.save(theirs.state_dict(), tmp_path / "torchvision.pth")
    checkpoint = importers.read(tmp_path / "torchvision.pth")
    ours = systems.create(system, "resnet50", CLASSES, **checkpoint.fork.options).eval()
    assert importers.load(ours, checkpoint) == ([], [])
    image = torch.randn(1, 3, 97, 71, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ours.upsampled(image), theirs(image)["out"], atol=1e-5)

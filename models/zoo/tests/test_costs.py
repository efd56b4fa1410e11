"""Parameters and multiply-accumulates of the systems at full size are those that are published or were counted layer by layer."""
import pytest

from costs import multiply_accumulates, parameters

# system, backbone, classes, options, parameters in millions, [((height, width), GMAC), …]
COSTS = [
    # 32s, 16s and 8s differ in transposed convolutions of less than 0.1 %.
    ("fcn32s", "vgg16", 21, {}, 136.15, [((500, 500), 181.4)]),
    ("fcn16s", "vgg16", 21, {}, 134.82, [((500, 500), 181.45)]),
    ("fcn8s", "vgg16", 21, {}, 134.49, [((500, 500), 181.5)]),
    ("fcn8s", "vgg16-p1", 21, {}, 134.49, [((512, 512), 111.3)]),
    ("fcn8s", "resnet34", 21, {}, 21.43, [((512, 512), 19.6)]),
    ("fcn", "resnet50", 21, {}, 32.96, [((520, 520), 142.7)]),
    ("fcn", "resnet101", 21, {}, 51.95, [((520, 520), 222.7)]),
    ("deeplabv1-largefov", "vgg16", 21, {}, 20.51, [((513, 513), 128.6)]),
    ("deeplabv1-msc", "vgg16", 21, {}, 21.71, [((513, 513), 147.3)]),
    ("deeplabv2", "vgg16", 21, {}, 37.88, [((513, 513), 202.0)]),
    ("deeplabv2", "resnet101", 21, {}, 44.05, [((513, 513), 188.9)]),
    ("deeplabv2-msc", "resnet101", 21, {}, 44.05, [((513, 513), 344.9)]),
    ("deeplabv3", "resnet101", 21, {"paper_head": True}, 58.04, [((513, 513), 71.1)]),
    ("deeplabv3", "resnet101", 21, {"paper_head": True, "output_stride": 8}, 58.04, [((513, 513), 246.2)]),
    ("deeplabv3", "resnet50", 21, {"output_stride": 8}, 39.64, [((520, 520), 168.7)]),
    ("deeplabv3", "resnet101", 21, {"output_stride": 8}, 58.63, [((520, 520), 248.8)]),
    ("deeplabv3plus", "resnet50", 21, {"decoder_convs": 1}, 39.76, [((513, 513), 62.4)]),
    ("deeplabv3plus", "resnet101", 21, {"decoder_convs": 1}, 58.75, [((513, 513), 83.0)]),
    ("deeplabv3plus", "resnet101", 21, {}, 59.34, [((513, 513), 92.8), ((1024, 2048), 708.9)]),
    ("deeplabv3plus", "mobilenetv2", 21, {"decoder_convs": 1}, 5.23, [((513, 513), 17.1)]),
    # The fork's first convolution is not padded, and every map after it a little smaller.
    ("deeplabv3plus", "mobilenetv2-vainf", 21, {"decoder_convs": 1}, 5.23, [((513, 513), 16.8)]),
    # TensorFlow's own table has 54.17 for it.
    ("deeplabv3plus", "xception65", 21, {}, 41.06, [((513, 513), 54.0)]),
    ("refinenet", "resnet101", 21, {}, 118.05, [((512, 512), 262.9)]),
    ("refinenet", "resnet50", 21, {}, 99.06, [((512, 512), 243.5)]),
    ("unet", "original", 2, {"mirror": False}, 31.03, [((572, 572), 150.8)]),
    ("unet", "transposed", 2, {}, 31.04, [((512, 512), 192.7)]),
    ("unet", "bilinear", 2, {}, 17.26, [((512, 512), 159.9)]),
    ("pspnet", "resnet50", 21, {}, 46.72, [((473, 473), 161.6)]),
    ("pspnet", "resnet101", 21, {}, 65.71, [((473, 473), 229.8), ((713, 713), 517.2)]),
    ("hrnetv2", "w18", 19, {}, 9.64, [((512, 1024), 36.9)]),
    ("hrnetv2", "w32", 19, {}, 29.55, [((512, 1024), 90.3)]),
    ("hrnetv2", "w48", 19, {}, 65.86, [((512, 1024), 186.9), ((1024, 2048), 747.5)]),
    ("segnet", "vgg16", 11, {}, 29.45, [((352, 480), 104.1), ((512, 512), 161.6)]),
    ("segnet", "basic", 11, {}, 1.42, [((352, 480), 57.9)]),
    ("dsrl", "resnet101", 19, {}, 59.35, [((256, 512), 44.5)]),
    ("hanet", "resnet101", 19, {}, 60.07, [((768, 768), 601.3), ((1024, 2048), 2137.8)]),
    ("spnet", "resnet50", 150, {}, 45.44, [((480, 480), 143.1)]),
    ("spnet", "resnet101", 19, {}, 64.36, [((768, 768), 539.0)]),
    ("cpnet", "resnet50", 150, {}, 49.71, [((480, 480), 200.9)]),
    ("cpnet", "resnet101", 150, {}, 68.70, [((480, 480), 269.1)]),
]


@pytest.mark.parametrize("system, backbone, classes, options, millions, gmacs", COSTS, ids=lambda value: str(value))
def test_costs(full_size, system, backbone, classes, options, millions, gmacs):
    network = full_size(system, backbone, classes, **options)
    assert parameters(network) / 1e6 == pytest.approx(millions, abs=0.0051)
    for size, gmac in gmacs:
        assert multiply_accumulates(network, *size) / 1e9 == pytest.approx(gmac, abs=0.051)


def test_height_attention_is_a_hundredth_of_hanet(full_size):
    attention = full_size("hanet", "resnet101", 19).attention
    table = sum(17 * block.first[0].out_channels for block in attention)  # the position codes, which HANet counts
    assert (parameters(attention) + table) / 1e6 == pytest.approx(0.61, abs=0.0051)

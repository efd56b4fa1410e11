#!/usr/bin/python3
"""Makes tests/assets/label-models: models of many classes, of one, and of classes that overlap, with the masks that NumPy computes.

The class of a pixel of `photo.png` is the nearest of five colours, by a 1x1 convolution; the five stand at places among the
model's classes that tell 8 bits from 16. `FOLDER/truth.npy` is the mask of one class for each pixel, uint16; where classes
overlap, `FOLDER/claims.npy` has the pixels of each class, CHW, uint8.

    /usr/bin/python3 tests/assets/make_label_models.py      (onnx 1.12, OpenCV)
"""
import json
import pathlib

import cv2
import numpy
from onnx import TensorProto, helper, numpy_helper, save_model

ROOT = pathlib.Path(__file__).parent / "label-models"
COLORS = numpy.float64([[0, 0, 0], [220, 20, 20], [20, 200, 40], [30, 40, 210], [230, 230, 60]]) / 255
OVERLAP = numpy.float64([[1, -0.25, -0.5], [-0.5, 1, -0.25], [-0.25, -0.5, 1]]) * 12
BIAS = numpy.float64([-2.0001, -3.0002, -4.0003])


def photo():
    """A smooth picture of saturated colours, 96x64."""
    small = numpy.random.default_rng(1).integers(0, 256, (7, 9, 3)).astype(numpy.uint8)
    return cv2.resize(small, (96, 64), interpolation=cv2.INTER_CUBIC)


OFFSET = -(COLORS**2).sum(1) + numpy.float64([0, 0.7, 1.9, 3.1, 4.3]) * 1e-3  # no pixel is equally near to two colours


def nearest(x):
    """HWC in 0 to 1 to the index of the nearest colour."""
    scores = 2 * x @ COLORS.T + OFFSET
    best = numpy.sort(scores, -1)
    assert numpy.min(best[..., -1] - best[..., -2]) > 5e-6, "float32 may decide otherwise"
    return scores.argmax(-1)


def placed(count, places):
    """Weight and bias of `count` classes, of which only those at `places` ever win."""
    weight, bias = numpy.zeros((count, 3)), numpy.full(count, -1e4)
    weight[places], bias[places] = 2 * COLORS, OFFSET
    return weight, bias


def overlapping(name, x, names, kind, threshold, none=None):
    """A model of the first classes of three that may overlap. A pixel has the most probable of the classes above their thresholds."""
    count = len(names)
    weight, bias = OVERLAP[:count], BIAS[:count]
    scores = numpy.moveaxis(x @ weight.T + bias, -1, 0)
    cuts = numpy.log(numpy.float64(threshold) / (1 - numpy.float64(threshold))).reshape(-1, 1, 1)
    best = numpy.sort(scores, 0)
    assert abs(scores - cuts).min() > 1e-5 and (count == 1 or (best[-1] - best[-2]).min() > 1e-5), "float32 may decide otherwise"
    claims = scores > cuts
    rest = names.index(none) if none in names else 255
    truth = numpy.where(claims.any(0), numpy.where(claims, scores, -1e9).argmax(0), rest)
    if rest < 255:
        claims[rest] |= truth == rest
    postprocess = {"threshold": threshold} | ({"none": none} if none else {})
    tail = [("Sigmoid", {})] if kind == "multilabel_probabilities" else []
    save(name, weight, bias, tail, TensorProto.FLOAT, names, truth, {"output_kind": kind}, postprocess)
    numpy.save(ROOT / name / "claims.npy", claims.astype(numpy.uint8))


def save(name, weight, bias, tail, element, classes, truth, graph, postprocess=None, palette="voc"):
    weight = numpy_helper.from_array(numpy.float32(weight)[:, :, None, None], "weight")
    bias = numpy_helper.from_array(numpy.float32(bias), "bias")
    nodes, last = [], "scores"
    nodes.append(helper.make_node("Conv", ["input", "weight", "bias"], [last]))
    for operator, attributes in tail:
        nodes.append(helper.make_node(operator, [last], [last + "x"], **attributes))
        last += "x"
    shape = ["N", "C", "H", "W"] if element == TensorProto.FLOAT else ["N", "H", "W"]
    value = helper.make_tensor_value_info
    body = helper.make_graph(nodes, name, [value("input", TensorProto.FLOAT, ["N", 3, "H", "W"])], [value(last, element, shape)], [weight, bias])
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 16)])
    model.ir_version = 8
    folder = ROOT / name
    (folder / "1").mkdir(parents=True, exist_ok=True)
    save_model(model, str(folder / "1" / "model.onnx"))
    preprocess = {"color": "rgb", "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1], "resize": {"mode": "none", "filter": "bilinear", "antialias": True}, "size": {"multiple": 1}, "pad": {}}
    manifest = {"schema": 1, "warm_up": {"sizes": [[64, 96]]}, "graph": graph, "preprocess": preprocess, "postprocess": postprocess or {}, "classes": {"names": classes, "palette": palette}}
    (folder / "model.json").write_text(json.dumps(manifest) + "\n")
    numpy.save(folder / "truth.npy", truth.astype(numpy.uint16))


def main():
    rgb = photo()
    ROOT.mkdir(exist_ok=True)
    cv2.imwrite(str(ROOT / "photo.png"), rgb[:, :, ::-1])
    x = rgb / 255
    names = lambda count: [f"c{i}" for i in range(count)]
    argmax = [("ArgMax", {"axis": 1, "keepdims": 0})]
    for count, places in ((847, [0, 255, 256, 600, 846]), (256, [0, 100, 200, 254, 255])):
        truth = numpy.array(places)[nearest(x)]
        save(f"classes-{count}", *placed(count, places), [], TensorProto.FLOAT, names(count), truth, {"output_kind": "logits"})
        if count > 256:
            for element, word in ((TensorProto.UINT16, "uint16"), (TensorProto.INT32, "int32")):
                tail = argmax + [("Cast", {"to": element})]
                save(f"classes-{count}-{word}", *placed(count, places), tail, element, names(count), truth, {"output_kind": "labels"})
    save("more-labels-than-names", *placed(5, range(5)), argmax, TensorProto.INT64, ["a", "b", "c"], nearest(x), {"output_kind": "labels"})

    red, line = numpy.float64([[8, -4, -4]]), numpy.float64([-1])
    truth = x @ red[0] + line[0] > 0
    save("one-class", red, line, [], TensorProto.FLOAT, ["foreground"], truth, {"output_kind": "binary_logit"}, palette=["#ff0000"])
    save("one-class-probability", red, line, [("Sigmoid", {})], TensorProto.FLOAT, ["foreground"], truth, {"output_kind": "probabilities"})

    colors = ["red", "green", "blue"]
    overlapping("multilabel", x, colors, "multilabel_probabilities", 0.5)
    overlapping("multilabel-logits", x, colors, "multilabel_logits", [0.3, 0.5, 0.8], none="nothing")
    overlapping("multilabel-rest", x, colors, "multilabel_logits", 0.6, none="blue")
    overlapping("multilabel-one", x, ["red"], "multilabel_logits", 0.5)


if __name__ == "__main__":
    main()

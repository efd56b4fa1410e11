#!/usr/bin/env python3
"""Makes further graphs of tests/assets/forms: siblings of the forms that exporters give, each with its right labels.

    python3 make_forms.py forms

Needs NumPy, onnx and OpenCV. The class of a pixel is the nearest of five colours, by a 1x1 convolution; what differs is the form around it.
"""
import json
import os
import sys

import cv2
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
COLORS = np.float32([[0, 0, 0], [220, 20, 20], [20, 200, 40], [30, 40, 210], [230, 230, 60]])
TYPES = {"f32": T.FLOAT, "f16": T.FLOAT16, "f64": T.DOUBLE, "u8": T.UINT8, "i8": T.INT8, "u16": T.UINT16, "i16": T.INT16, "i32": T.INT32,
         "u32": T.UINT32, "i64": T.INT64, "u64": T.UINT64, "bool": T.BOOL}
OPEN = ["N", 3, "H", "W"]
RAW = dict(preprocess__scale=1, preprocess__mean=[0, 0, 0], preprocess__std=[1, 1, 1])


def weights():
    p = ((COLORS / 255 - MEAN) / STD).astype(np.float64)
    return (p / 4).astype(np.float32), (-(p * p).sum(1) / 8).astype(np.float32)


def normalized(rgb):
    return ((rgb.astype(np.float64) / 255 - MEAN) / STD).transpose(2, 0, 1)


def logits(rgb):
    w, b = weights()
    return np.einsum("kc,chw->khw", w.astype(np.float64), normalized(rgb)) + b[:, None, None]


def red(rgb):
    """One logit: how red a pixel is."""
    return ((rgb[..., 0].astype(float) - rgb[..., 1]) / 255 - 0.25) * 8


class G:
    def __init__(self, opset=17):
        self.nodes, self.inits, self.ins, self.outs, self.n, self.opset = [], [], [], [], 0, opset

    def inp(self, name, t, shape):
        self.ins.append(h.make_tensor_value_info(name, TYPES[t], shape))
        return name

    def const(self, a):
        self.n += 1
        a = np.asarray(a)
        self.inits.append(nh.from_array(a if a.ndim == 0 else np.ascontiguousarray(a), f"c{self.n}"))
        return f"c{self.n}"

    def op(self, kind, ins, out=None, **attributes):
        self.n += 1
        out = out or f"t{self.n}"
        self.nodes.append(h.make_node(kind, ins, [out], f"n{self.n}", **attributes))
        return out

    def out(self, x, t, shape, name="result"):
        self.outs.append(h.make_tensor_value_info(name, TYPES[t], shape))
        return self.op("Identity", [x], name)

    def cast(self, x, t):
        return self.op("Cast", [x], to=TYPES[t])

    def transpose(self, x, *perm):
        return self.op("Transpose", [x], perm=perm)

    def squeeze(self, x, *axes):
        return self.op("Squeeze", [x, self.const(np.array(axes))])

    def core(self, x, dtype=np.float32):
        w, b = weights()
        return self.op("Conv", [x, self.const(w[:, :, None, None].astype(dtype)), self.const(b.astype(dtype))])

    def norm(self, x):
        y = self.op("Mul", [x, self.const(np.float32(1 / 255))])
        y = self.op("Sub", [y, self.const(MEAN[None, :, None, None])])
        return self.op("Div", [y, self.const(STD[None, :, None, None])])

    def red(self, x):
        w, b = np.float32([[STD[0] * 8, -STD[1] * 8, 0]]), np.float32([(MEAN[0] - MEAN[1] - 0.25) * 8])
        return self.op("Conv", [x, self.const(w[:, :, None, None]), self.const(b)])

    def argmax(self, y, keepdims=1):
        return self.op("ArgMax", [y], axis=1, keepdims=keepdims)

    def model(self):
        m = h.make_model(h.make_graph(self.nodes, "g", self.ins, self.outs, self.inits), opset_imports=[h.make_opsetid("", self.opset)])
        m.ir_version = 8
        return m


FORMS = {}


def form(f):
    FORMS[f.__name__] = f
    return f


def classes(g, names=None, truth=None, **keys):
    return g, names or ["black", "red", "green", "blue", "yellow"], truth or (lambda rgb: logits(rgb).argmax(0)), keys


def binary(g, threshold=0.0, **keys):
    return g, ["back", "red"], (lambda rgb: red(rgb) > threshold), keys


def fixed(height, width):
    return dict(preprocess__size__fixed=[height, width], preprocess__resize__mode="exact", preprocess__resize__size=[height, width])


# Inputs --------------------------------------------------------------------------------------------------------

@form
def in_chw_f64():
    """C×H×W float64, labels H×W."""
    g = G()
    x = g.cast(g.inp("x", "f64", [3, "H", "W"]), "f32")
    y = g.core(g.op("Unsqueeze", [x, g.const(np.array([0]))]))
    g.out(g.squeeze(g.argmax(y, 0), 0), "i64", ["H", "W"])
    return classes(g, graph__output_kind="labels")


@form
def in_hwc_u8():
    """H×W×C uint8 with open sides, scores H×W×C."""
    g = G()
    x = g.op("Unsqueeze", [g.transpose(g.cast(g.inp("image", "u8", ["H", "W", 3]), "f32"), 2, 0, 1), g.const(np.array([0]))])
    g.out(g.transpose(g.squeeze(g.core(g.norm(x)), 0), 1, 2, 0), "f32", ["H", "W", 5])
    return classes(g, **RAW)


@form
def in_nhwc_i8():
    """N×H×W×3 int8, shifted by 128."""
    g = G()
    x = g.op("Add", [g.transpose(g.cast(g.inp("x", "i8", ["N", "H", "W", 3]), "f32"), 0, 3, 1, 2), g.const(np.float32(128))])
    g.out(g.core(g.norm(x)), "f32", ["N", 5, "H", "W"])
    return classes(g, preprocess__scale=1, preprocess__mean=[128, 128, 128], preprocess__std=[1, 1, 1])


def integers(t):
    g = G()
    g.out(g.core(g.norm(g.cast(g.inp("x", t, OPEN), "f32"))), "f32", ["N", 5, "H", "W"])
    return classes(g, **RAW)


for _t in ("u16", "i16", "i32", "i64"):
    FORMS[f"in_nchw_{_t}"] = lambda t=_t: integers(t)


@form
def in_nhwc_all_open():
    """N×H×W×C with every axis open: only the first transposition tells."""
    g = G()
    x = g.inp("x", "f32", ["a", "b", "c", "d"])
    g.out(g.transpose(g.core(g.transpose(x, 0, 3, 1, 2)), 0, 2, 3, 1), "f32", ["a", "e", "f", "g"])
    return classes(g)


@form
def in_dim_zero():
    """Open axes written as 0."""
    g = G()
    g.out(g.core(g.inp("x", "f32", [0, 3, 0, 0])), "f32", [0, 5, 0, 0])
    return classes(g)


@form
def in_fixed_batch_4_nhwc_u8():
    """Four images, N×H×W×3 uint8, labels N×H×W."""
    g = G()
    x = g.transpose(g.cast(g.inp("x", "u8", [4, 64, 96, 3]), "f32"), 0, 3, 1, 2)
    g.out(g.argmax(g.core(g.norm(x)), 0), "i64", [4, 64, 96])
    return classes(g, graph__output_kind="labels", **RAW, **fixed(64, 96))


@form
def in_gray_nhwc_u8():
    """One channel, N×H×W×1 uint8."""
    g = G()
    x = g.transpose(g.cast(g.inp("x", "u8", ["N", "H", "W", 1]), "f32"), 0, 3, 1, 2)
    w, b = np.float32([[-4 / 255], [0], [4 / 255]]), np.float32([2, 1, -2])
    g.out(g.op("Conv", [x, g.const(w[:, :, None, None]), g.const(b)]), "f32", ["N", 3, "H", "W"])
    def light(rgb):
        y = (rgb @ np.array([0.299, 0.587, 0.114])) / 255
        return np.stack([-4 * y + 2, 0 * y + 1, 4 * y - 2])

    return classes(g, ["dark", "mid", "light"], lambda rgb: light(rgb).argmax(0), preprocess__color="gray", preprocess__scale=1,
                   preprocess__mean=[0], preprocess__std=[1])


# Further inputs ------------------------------------------------------------------------------------------------

@form
def ins_temperature():
    """A second input without a default: a number."""
    g = G()
    x = g.inp("x", "f32", OPEN)
    g.out(g.op("Mul", [g.core(x), g.inp("temperature", "f32", [1])]), "f32", ["N", 5, "H", "W"])
    return classes(g, graph__inputs={"temperature": 2})


@form
def ins_pixel_mask():
    """A mask of valid pixels N×H×W that the network multiplies with."""
    g = G()
    x, m = g.inp("pixel_values", "f32", OPEN), g.inp("pixel_mask", "i64", ["N", "H", "W"])
    y = g.op("Mul", [g.core(x), g.op("Unsqueeze", [g.cast(m, "f32"), g.const(np.array([1]))])])
    g.out(y, "f32", ["N", 5, "H", "W"])
    return classes(g, graph__inputs={"pixel_mask": 1})


@form
def ins_list():
    """A list of weights, one for each channel."""
    g = G()
    x, s = g.inp("x", "f32", OPEN), g.inp("std", "f16", [1, 3, 1, 1])
    g.out(g.core(g.op("Div", [x, g.cast(s, "f32")])), "f32", ["N", 5, "H", "W"])
    return classes(g, graph__inputs={"std": [[[[1]], [[1]], [[1]]]]})


@form
def ins_image_size():
    """PaddleSeg's im_shape: height and width of the input, float [N, 2], multiplies to one."""
    g = G()
    x, s = g.inp("image", "f32", OPEN), g.inp("im_shape", "f32", ["N", 2])
    own = g.cast(g.op("Slice", [g.op("Shape", [x]), g.const(np.array([2])), g.const(np.array([4]))]), "f32")
    one = g.op("ReduceMean", [g.op("Div", [s, own])], axes=[1], keepdims=1)
    one = g.op("Unsqueeze", [one, g.const(np.array([2, 3]))])
    g.out(g.op("Mul", [g.core(x), one]), "f32", ["N", 5, "H", "W"])
    return classes(g, graph__inputs={"im_shape": "image_size"})


@form
def ins_orig_size_f32():
    """The client's size as float [1, 2], to which the graph resizes its scores; the input is half of it."""
    g = G()
    x, s = g.inp("image", "f32", [1, 3, 32, 48]), g.inp("orig_im_size", "f32", [1, 2])
    y = g.op("Resize", [x, "", g.const(np.float32([1, 1, 2, 2]))], mode="nearest")
    y = g.core(y)
    shape = g.op("Concat", [g.op("Slice", [g.op("Shape", [y]), g.const(np.array([0])), g.const(np.array([2]))]),
                            g.cast(g.squeeze(s, 0), "i64")], axis=0)
    g.out(g.op("Resize", [y, "", "", shape], mode="linear"), "f32", [1, 5, "h", "w"])
    small = lambda rgb: np.repeat(np.repeat(cv2.resize(rgb, (48, 32), interpolation=cv2.INTER_AREA), 2, 0), 2, 1)
    return classes(g, None, lambda rgb: logits(small(rgb)).argmax(0), graph__inputs={"orig_im_size": "original_size"}, **fixed(32, 48))


# Outputs -------------------------------------------------------------------------------------------------------

@form
def out_f64_unknown_shape():
    """float64 scores of a shape that the exporter lost."""
    g = G()
    g.out(g.cast(g.core(g.inp("x", "f32", OPEN)), "f64"), "f64", None)
    return classes(g)


@form
def out_unknown_shape_nhwc_reshape():
    """N×H×W×C behind a Reshape, without a declared shape: only a run tells."""
    g = G()
    x = g.inp("x", "f32", OPEN)
    y = g.transpose(g.core(x), 0, 2, 3, 1)
    y = g.op("Reshape", [g.op("Reshape", [y, g.const(np.array([-1]))]), g.op("Shape", [y])])
    g.out(y, "f32", None)
    return classes(g)


@form
def out_hwc():
    """Scores H×W×C without a batch axis."""
    g = G()
    g.out(g.transpose(g.squeeze(g.core(g.inp("x", "f32", [1, 3, "H", "W"])), 0), 1, 2, 0), "f32", ["H", "W", 5])
    return classes(g)


@form
def out_scores_u8():
    """Scores quantised to uint8, N×H×W×C."""
    g = G()
    y = g.op("Clip", [g.op("Add", [g.op("Mul", [g.core(g.inp("x", "f32", OPEN)), g.const(np.float32(16))]), g.const(np.float32(200))]),
                      g.const(np.float32(0)), g.const(np.float32(255))])
    g.out(g.cast(g.transpose(y, 0, 2, 3, 1), "u8"), "u8", ["N", "H", "W", 5])
    return classes(g)


def labels(t, squeeze=None, shape=("N", 1, "H", "W"), last=False):
    g = G()
    y = g.argmax(g.core(g.inp("x", "f32", OPEN if squeeze is None else [1, 3, "H", "W"])))
    if last:
        y = g.transpose(y, 0, 2, 3, 1)
    if squeeze is not None:
        y = g.squeeze(y, *squeeze)
    g.out(g.cast(y, t), t, list(shape))
    return classes(g, graph__output_kind="labels")


FORMS["out_labels_u8_hw"] = lambda: labels("u8", [0, 1], ["H", "W"])
FORMS["out_labels_i32_nhw1"] = lambda: labels("i32", None, ["N", "H", "W", 1], True)
FORMS["out_labels_f16_nhw1"] = lambda: labels("f16", None, ["N", "H", "W", 1], True)
FORMS["out_labels_f64_unknown"] = lambda: labels("f64", None, ["a", "b", "c", "d"])
for _t in ("i8", "i16", "u16", "u32", "u64"):
    FORMS[f"out_labels_{_t}"] = lambda t=_t: labels(t)


def finished(t, scale, shape=("N", 1, "H", "W"), squeeze=None):
    g = G()
    y = g.op("Greater", [g.red(g.inp("x", "f32", OPEN if squeeze is None else [1, 3, "H", "W"])), g.const(np.float32(0))])
    if t != "bool":
        y = g.op("Mul", [g.cast(y, "f32"), g.const(np.float32(scale))])
        y = g.cast(y, t)
    if squeeze is not None:
        y = g.squeeze(y, *squeeze)
    g.out(y, t, list(shape))
    return binary(g, graph__output_kind="binary_mask")


FORMS["out_mask_bool_hw"] = lambda: finished("bool", 1, ["H", "W"], [0, 1])
FORMS["out_mask_f16_255"] = lambda: finished("f16", 255)
FORMS["out_mask_i64_01_nhw"] = lambda: finished("i64", 1, ["N", "H", "W"], [1])
FORMS["out_mask_bool"] = lambda: finished("bool", 1)


@form
def out_probability_u8():
    """A probability quantised to 0…255."""
    g = G()
    y = g.op("Mul", [g.op("Sigmoid", [g.red(g.inp("x", "f32", OPEN))]), g.const(np.float32(255))])
    g.out(g.cast(g.op("Round", [y]), "u8"), "u8", ["N", 1, "H", "W"])
    return binary(g, graph__output_kind="binary_probability")


@form
def out_probability_nhw1():
    """Keras: one sigmoid, N×H×W×1."""
    g = G()
    x = g.transpose(g.inp("x", "f32", ["N", "H", "W", 3]), 0, 3, 1, 2)
    g.out(g.transpose(g.op("Sigmoid", [g.red(x)]), 0, 2, 3, 1), "f32", ["N", "H", "W", 1])
    return binary(g, graph__output_kind="binary_probability")


def two(activation, threshold):
    g = G()
    l = g.red(g.inp("x", "f32", OPEN))
    y = g.op("Concat", [g.op("Mul", [l, g.const(np.float32(0))]), l], axis=1)
    if activation:
        y = g.op("Softmax", [y], axis=1)
    g.out(y, "f32", ["N", 2, "H", "W"])
    return binary(g, np.log(threshold / (1 - threshold)), graph__output_kind="probabilities" if activation else "logits",
                  postprocess__threshold=threshold)


FORMS["act_two_logits_threshold"] = lambda: two(False, 0.8)
FORMS["act_two_probabilities_threshold"] = lambda: two(True, 0.2)


@form
def act_multilabel_logits_nhwc():
    """Three independent logits, N×H×W×3, each with its own threshold."""
    g = G()
    m = np.float32([[1, -.5, -.5], [-.5, 1, -.5], [-.5, -.5, 1]])
    w, b = m * STD * 12, (m @ MEAN) * 12 - 3
    y = g.op("Conv", [g.inp("x", "f32", OPEN), g.const(w[:, :, None, None].astype(np.float32)), g.const(b.astype(np.float32))])
    g.out(g.transpose(y, 0, 2, 3, 1), "f32", ["N", "H", "W", 3])

    def truth(rgb):
        s = np.stack([(rgb / 255.0) @ r for r in m.astype(float)]) * 12 - 3
        p, limit = 1 / (1 + np.exp(-s)), np.array([0.5, 0.7, 0.3])[:, None, None]
        p = np.where(p > limit, p, -1)
        return np.where(p.max(0) > 0, p.argmax(0), 255)

    return classes(g, ["red", "green", "blue"], truth, graph__output_kind="multilabel_logits", postprocess__threshold=[0.5, 0.7, 0.3])


@form
def outs_queries_masks_first_f16():
    """Queries, the masks before the classes, in float16, as many queries as classes and one more."""
    g = G()
    x = g.inp("pixel_values", "f32", ["batch", 3, "height", "width"])
    p = g.op("AveragePool", [x], kernel_shape=[4, 4], strides=[4, 4])
    w, b = weights()
    order = [3, 1, 4, 0, 2]
    m = g.op("Conv", [p, g.const(np.concatenate([w[order], w[:1] * 0])[:, :, None, None]), g.const(np.concatenate([b[order], [0]]).astype(np.float32))])
    c = np.full((1, 6, 6), -8, np.float32)
    for i, k in enumerate(order + [5]):
        c[0, i, k] = 8
    zero = g.op("Mul", [g.op("ReduceMean", [x], axes=[1, 2, 3], keepdims=1), g.const(np.float32(0))])
    c = g.op("Add", [g.const(c), g.squeeze(zero, 3)])
    g.out(g.cast(m, "f16"), "f16", ["batch", 6, "h", "w"], "pred_masks")
    g.out(g.cast(c, "f16"), "f16", ["batch", 6, 6], "pred_logits")

    def truth(rgb):
        a = normalized(rgb).reshape(3, rgb.shape[0] // 4, 4, rgb.shape[1] // 4, 4).mean((2, 4))
        y = 1 / (1 + np.exp(-(np.einsum("kc,chw->khw", w.astype(float), a) + b[:, None, None])))
        return np.stack([cv2.resize(s, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR) for s in y]).argmax(0)

    return classes(g, None, truth, graph__output_kind="queries", graph__output={"classes": "pred_logits", "masks": "pred_masks"},
                   preprocess__size__multiple=4)


# Grids ---------------------------------------------------------------------------------------------------------

def pooled(rgb, rows, columns):
    a = normalized(rgb).reshape(3, rgb.shape[0] // rows, rows, rgb.shape[1] // columns, columns).mean((2, 4))
    w, b = weights()
    y = np.einsum("kc,chw->khw", w.astype(float), a) + b[:, None, None]
    return np.stack([cv2.resize(s, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR) for s in y]).argmax(0)


@form
def grid_stride_2_by_8():
    """A stride of 2 rows and 8 columns."""
    g = G()
    g.out(g.core(g.op("AveragePool", [g.inp("x", "f32", OPEN)], kernel_shape=[2, 8], strides=[2, 8])), "f32", ["N", 5, "h", "w"])
    return classes(g, None, lambda rgb: pooled(rgb, 2, 8), preprocess__size__multiple=8)


@form
def grid_three_quarters():
    """A grid of three quarters of the input."""
    g = G()
    x = g.inp("x", "f32", OPEN)
    y = g.op("Resize", [g.core(x), "", g.const(np.float32([1, 1, 0.75, 0.75]))], mode="linear")
    g.out(y, "f32", ["N", 5, "h", "w"])

    def truth(rgb):
        y = logits(rgb)
        size = (rgb.shape[1] * 3 // 4, rgb.shape[0] * 3 // 4)
        return np.stack([cv2.resize(cv2.resize(s, size, interpolation=cv2.INTER_LINEAR), rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
                         for s in y]).argmax(0)

    return classes(g, None, truth, preprocess__size__multiple=4)


@form
def grid_border_fixed():
    """Convolutions without padding at one fixed size: 80×112 gives 64×96."""
    g = G()
    y = g.op("Slice", [g.core(g.inp("x", "f32", [1, 3, 80, 112])), g.const(np.array([8, 8])), g.const(np.array([-8, -8])), g.const(np.array([2, 3]))])
    g.out(y, "f32", [1, 5, 64, 96])
    return classes(g, graph__output_border=8, **fixed(80, 112))


@form
def grid_border_stride_2():
    """Without padding and with stride 2: 4 pixels are cut off at each side."""
    g = G()
    y = g.core(g.op("AveragePool", [g.inp("x", "f32", OPEN)], kernel_shape=[2, 2], strides=[2, 2]))
    g.out(g.op("Slice", [y, g.const(np.array([2, 2])), g.const(np.array([-2, -2])), g.const(np.array([2, 3]))]), "f32", ["N", 5, "h", "w"])
    return classes(g, None, lambda rgb: pooled(rgb, 2, 2), graph__output_border=4, preprocess__size__multiple=2, preprocess__size__min=16)


@form
def grid_fixed_for_every_input():
    """A grid of 32×48 for every input."""
    g = G()
    y = g.op("Resize", [g.core(g.inp("x", "f32", OPEN)), "", "", g.const(np.array([1, 5, 32, 48]))], mode="linear")
    g.out(y, "f32", ["N", 5, 32, 48])

    def truth(rgb):
        return np.stack([cv2.resize(cv2.resize(s, (48, 32), interpolation=cv2.INTER_LINEAR), rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
                         for s in logits(rgb)]).argmax(0)

    return classes(g, None, truth)


# Refusals ------------------------------------------------------------------------------------------------------

def refused(model, words, **keys):
    g, names, truth, own = model
    return g, names, truth, own | keys, words


@form
def no_border_named():
    """Convolutions without padding, and no graph.output_border."""
    g, names, truth, _ = grid_border_stride_1()
    return g, names, truth, dict(preprocess__size__min=16), "graph.output_border"


def grid_border_stride_1():
    g = G()
    y = g.op("Slice", [g.core(g.inp("x", "f32", OPEN)), g.const(np.array([3, 3])), g.const(np.array([-3, -3])), g.const(np.array([2, 3]))])
    g.out(y, "f32", ["N", 5, "h", "w"])
    return classes(g)


@form
def no_random():
    """A random operator."""
    g = G()
    y = g.core(g.inp("x", "f32", OPEN))
    g.out(g.op("Add", [y, g.op("Mul", [g.op("RandomNormalLike", [y]), g.const(np.float32(4))])]), "f32", ["N", 5, "H", "W"])
    return refused(classes(g), "two results")


@form
def no_probabilities_multilabel():
    """Logits that are called probabilities."""
    g = G()
    g.out(g.core(g.inp("x", "f32", OPEN)), "f32", ["N", 5, "H", "W"])
    return refused(classes(g), "multilabel_logits", graph__output_kind="multilabel_probabilities")


@form
def no_labels_but_scores():
    """One float score that is called a label."""
    g = G()
    g.out(g.red(g.inp("x", "f32", OPEN)), "f32", ["N", 1, "H", "W"])
    return refused(binary(g), "whole numbers", graph__output_kind="labels")


@form
def no_two_readings():
    """A C×C grid behind a Reshape: nothing tells the layouts apart."""
    g = G()
    y = g.core(g.op("AveragePool", [g.inp("x", "f32", [1, 3, 40, 40])], kernel_shape=[8, 8], strides=[8, 8]))
    y = g.op("Reshape", [g.transpose(y, 0, 2, 3, 1), g.const(np.array([1, 5, 5, 5]))])
    g.out(y, "f32", [1, 5, 5, 5])
    return refused(classes(g), "graph.output_layout", **fixed(40, 40))


@form
def no_value_for_input():
    """A second input without a value."""
    g, names, truth, _ = ins_temperature()
    return g, names, truth, {}, "graph.inputs: expected a value for temperature"


@form
def no_strings():
    """Text in place of an image."""
    g = G()
    g.ins.append(h.make_tensor_value_info("text", T.STRING, ["N", 3, "H", "W"]))
    g.out(g.core(g.op("Cast", ["text"], to=T.FLOAT)), "f32", ["N", 5, "H", "W"])
    return refused(classes(g), "expected numbers")


@form
def no_65_channels():
    """More channels than the server takes."""
    g = G()
    x = g.inp("x", "f32", ["N", 65, "H", "W"])
    g.out(g.op("Conv", [x, g.const(np.ones((5, 65, 1, 1), np.float32))]), "f32", ["N", 5, "H", "W"])
    return refused(classes(g), "1 to 64 channels", preprocess__mean=[0] * 64, preprocess__std=[1] * 64)


@form
def no_sequence():
    """A sequence of tensors in place of a tensor."""
    g = G()
    y = g.op("SequenceConstruct", [g.core(g.inp("x", "f32", OPEN))], "result")
    g.outs.append(h.make_tensor_sequence_value_info(y, T.FLOAT, ["N", 5, "H", "W"]))
    return refused(classes(g), "of the kind sequence")


@form
def outs_grids_open():
    """Scores at an eighth, a quarter and the whole size, with open axes and numbers for names: the largest grid is the result."""
    g = G()
    x = g.inp("x", "f32", OPEN)
    for name, side in (("101", 8), ("202", 4), ("303", 1)):
        y = g.op("AveragePool", [x if side == 1 else g.op("Neg", [x])], kernel_shape=[side, side], strides=[side, side])
        g.out(g.core(y), "f32", ["N", 5, f"h{side}", f"w{side}"], name)
    return classes(g, graph__output="303")


@form
def no_queries_without_batch():
    """Class and mask logits of queries without the batch axis."""
    g = G()
    y = g.squeeze(g.core(g.inp("x", "f32", ["1", 3, "H", "W"])), 0)
    g.out(g.op("ReduceMean", [y], axes=[2], keepdims=0), "f32", [5, "H"], "class_queries_logits")
    g.out(y, "f32", [5, "H", "W"], "masks_queries_logits")
    return refused(classes(g), "graph.output", graph__output_kind="queries")


@form
def no_batch_norm_in_training():
    """A BatchNormalization that was exported in training mode."""
    g = G()
    y = g.core(g.inp("x", "f32", OPEN))
    learnt = [g.const(np.full(5, value, np.float32)) for value in (1, 0, 0, 1)]
    g.nodes.append(h.make_node("BatchNormalization", [y, *learnt], ["bn", "mean", "var"], "bn", training_mode=1))
    g.out("bn", "f32", ["N", 5, "H", "W"])
    return refused(classes(g), "in training mode")


@form
def out_labels_void_255():
    """Labels, with 255 chosen in place of one of them: the condition of the choice is no mask."""
    g = G()
    y = g.argmax(g.core(g.inp("x", "f32", OPEN)), 0)
    y = g.op("Where", [g.op("Equal", [y, g.const(np.array(0))]), g.const(np.array(255)), y])
    g.out(y, "i64", ["N", "H", "W"])
    return classes(g, truth=lambda rgb: np.where(logits(rgb).argmax(0) == 0, 255, logits(rgb).argmax(0)), graph__output_kind="labels")


@form
def outs_score_and_label():
    """The labels, and the score of each label first."""
    g = G()
    y = g.op("Softmax", [g.core(g.inp("x", "f32", OPEN))], axis=1)
    g.out(g.op("ReduceMax", [y], axes=[1], keepdims=0), "f32", ["N", "H", "W"], "score")
    g.out(g.argmax(y, 0), "i64", ["N", "H", "W"], "label")
    return classes(g, graph__output="label", graph__output_kind="labels")


@form
def outs_topk():
    """Largest score and its index by TopK, the score first."""
    g = G()
    g.nodes.append(h.make_node("TopK", [g.core(g.inp("x", "f32", OPEN)), g.const(np.array([1]))], ["most", "at"], "topk", axis=1))
    g.out("most", "f32", ["N", 1, "H", "W"], "val")
    g.out("at", "i64", ["N", 1, "H", "W"], "idx")
    return classes(g, graph__output="idx", graph__output_kind="labels")


@form
def ins_flat_list():
    """A further input 1x2, whose value the manifest writes as a list of two."""
    g = G()
    x, s = g.inp("x", "f32", OPEN), g.inp("scale_factor", "f32", [1, 2])
    g.out(g.op("Mul", [g.core(x), g.op("ReduceMean", [s], axes=[0, 1], keepdims=0)]), "f32", ["N", 5, "H", "W"])
    return classes(g, graph__input="x", graph__inputs={"scale_factor": [1, 1]})


@form
def no_sigmoid_times_255():
    """A sigmoid times 255: every pixel has a positive score."""
    g = G()
    y = g.op("Mul", [g.op("Sigmoid", [g.red(g.inp("x", "f32", OPEN))]), g.const(np.float32(255))])
    g.out(y, "f32", ["N", 1, "H", "W"])
    return refused(binary(g), "without that product", graph__output_kind="binary_probability")


@form
def no_larger_output():
    """Eight pixels more at each side: padding that nothing crops."""
    g = G()
    y = g.op("Pad", [g.core(g.inp("x", "f32", OPEN)), g.const(np.array([0, 0, 8, 8, 0, 0, 8, 8]))])
    g.out(y, "f32", ["N", 5, "h", "w"])
    return refused(classes(g), "larger than the input by the same number of pixels")


@form
def no_odd_border():
    """Three pixels less: a convolution of even sides without padding."""
    g = G()
    w = np.zeros((5, 5, 4, 4), np.float32)
    w[np.arange(5), np.arange(5), 1, 1] = 1
    g.out(g.op("Conv", [g.core(g.inp("x", "f32", OPEN)), g.const(w)]), "f32", ["N", 5, "h", "w"])
    return refused(classes(g), "smaller by the same odd number")


# Quantised -----------------------------------------------------------------------------------------------------

def quantised():
    """Weights and biases of the five colours, of pixels 0 to 255, in 8 bits that use their whole range."""
    p = COLORS.astype(np.float64) / 255
    scale = np.abs(2 * p).max() / 127
    return np.round(2 * p / scale).astype(np.int8), np.round(-(p * p).sum(1) / (scale / 255)).astype(np.int32), np.float32(scale)


def nearest(rgb):
    return ((rgb[..., None, :] / 255 - COLORS / 255) ** 2).sum(-1).argmin(-1)


@form
def qlinear_u8_labels():
    """QLinearConv of bytes and of weights that use all 8 bits: products of two overflow 16 bits on processors without VNNI."""
    g = G()
    w, b, scale = quantised()
    y = g.op("QLinearConv", [g.inp("x", "u8", OPEN), g.const(np.float32(1 / 255)), g.const(np.uint8(0)), g.const(w[:, :, None, None]),
                             g.const(scale), g.const(np.int8(0)), g.const(np.float32(4 / 255)), g.const(np.uint8(128)), g.const(b)])
    g.out(g.argmax(y, 0), "i64", ["N", "H", "W"])
    return classes(g, truth=nearest, graph__output_kind="labels", **RAW)


@form
def qdq_u8_scores():
    """The same with QuantizeLinear and DequantizeLinear around a convolution."""
    g = G()
    w, b, scale = quantised()
    unit, zero = g.const(np.float32(1 / 255)), g.const(np.uint8(0))
    x = g.op("DequantizeLinear", [g.op("QuantizeLinear", [g.inp("x", "f32", OPEN), unit, zero]), unit, zero])
    kernel = g.op("DequantizeLinear", [g.const(w[:, :, None, None]), g.const(scale), g.const(np.int8(0))])
    bias = g.op("DequantizeLinear", [g.const(b), g.const(scale / np.float32(255)), g.const(np.int32(0))])
    steps, middle = g.const(np.float32(4 / 255)), g.const(np.uint8(128))
    y = g.op("QuantizeLinear", [g.op("Conv", [x, kernel, bias]), steps, middle])
    g.out(g.op("DequantizeLinear", [y, steps, middle]), "f32", ["N", 5, "H", "W"])
    return classes(g, truth=nearest, preprocess__mean=[0, 0, 0], preprocess__std=[1, 1, 1])


def manifest(names, keys):
    m = {
        "schema": 1,
        "graph": {"max_batch": 1, "output_kind": "logits"},
        "preprocess": {"color": "rgb", "scale": 1 / 255, "mean": MEAN.tolist(), "std": STD.tolist(),
                       "resize": {"mode": "none", "filter": "bilinear", "antialias": True}, "size": {"multiple": 1, "min": 8}, "pad": {}},
        "postprocess": {},
        "classes": {"names": names, "palette": "voc"},
        "warm_up": {"sizes": [[16, 24]]},
    }
    for path, value in keys.items():
        at, words = m, path.split("__")
        for word in words[:-1]:
            at = at.setdefault(word, {})
        at[words[-1]] = value
    return m


def main(folder):
    small = np.random.default_rng(7).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    photo = cv2.resize(small, (96, 64), interpolation=cv2.INTER_CUBIC)
    for name, make in FORMS.items():
        g, names, truth, keys, *words = make()
        target = os.path.join(folder, name)
        os.makedirs(os.path.join(target, "1"), exist_ok=True)
        onnx.save_model(g.model(), os.path.join(target, "1", "model.onnx"))
        cv2.imwrite(os.path.join(target, "photo.png"), photo[..., ::-1])
        cv2.imwrite(os.path.join(target, "truth.png"), np.asarray(truth(photo)).astype(np.uint16), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        f = {"what": " ".join((make.__doc__ or name).split()), "manifest": manifest(names, keys), "names": names}
        if words:
            f["refused"] = words[0]
        if name in ("out_scores_u8", "qlinear_u8_labels", "qdq_u8_scores"):
            f["least"] = 98  # steps of a sixteenth move borders
        with open(os.path.join(target, "form.json"), "w") as out:
            json.dump(f, out, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1])

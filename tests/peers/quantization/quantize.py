"""Static QDQ by onnxruntime.quantization, as its documentation recommends it for processors with VNNI: uint8 values, int8 weights, a scale for each channel.

    python3 quantize.py MODEL_FOLDER IMAGES OUT.onnx        in the folder that ../fastapi/setup.sh made
"""
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnx.reference  # noqa: F401 — first: Debian's onnxruntime adds its own operators to the library of onnx, which then refuses to be imported
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

MOST = 64


def pixels(file, preprocess):
    """HWC, float32, in the units that the manifest's mean has."""
    if preprocess["color"] == "bands":
        read = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        x = read[..., [2, 1, 0, 3]].astype(np.float32)  # OpenCV exchanges the first and the third band
        for step in preprocess["value_scaling"]:
            x = np.clip(x, step["minimum"], step["maximum"]) if step["type"] == "clip" else x / np.float32(step["value"])
        return x * np.float32(preprocess["scale"])
    image = Image.open(file).convert("L" if preprocess["color"] == "gray" else "RGB")
    resize = preprocess["resize"]
    if resize["mode"] == "short_side" and min(image.size) != resize["size"]:
        factor = resize["size"] / min(image.size)
        image = image.resize([round(side * factor) for side in image.size], Image.BILINEAR)
    x = np.asarray(image, np.float32) * np.float32(preprocess["scale"])
    return x[..., None] if x.ndim == 2 else x


def network_input(file, preprocess):
    x = (pixels(file, preprocess) - np.float32(preprocess["mean"])) / np.float32(preprocess["std"])
    rule = preprocess["size"]
    multiple, offset = rule["multiple"], rule.get("offset", 0)
    pad = [max(rule.get("min", 0), -(-(side - offset) // multiple) * multiple + offset) - side for side in x.shape[:2]]
    return np.pad(x, [(0, pad[0]), (0, pad[1]), (0, 0)]).transpose(2, 0, 1)[None]


class Reader(CalibrationDataReader):
    def __init__(self, name, inputs):
        self.left = iter([{name: x} for x in inputs])

    def get_next(self):
        return next(self.left, None)


def main():
    model, images, out = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    manifest = json.loads((model / "model.json").read_text())
    files = sorted(images.iterdir())
    count = min(MOST, len(files))
    inputs = [network_input(files[i * len(files) // count], manifest["preprocess"]) for i in range(count)]
    start = time.monotonic()
    prepared = out + ".prepared"
    quant_pre_process(str(model / "1" / "model.onnx"), prepared, skip_symbolic_shape=True)
    quantize_static(prepared, out, Reader(manifest["graph"]["input"], inputs), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    Path(prepared).unlink()
    print(f"{time.monotonic() - start:.0f}")


main()

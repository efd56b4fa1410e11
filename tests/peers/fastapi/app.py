"""Photograph in, palette PNG out: FastAPI, ONNX Runtime, Pillow, OpenCV and NumPy.

The job is the one that models/NAME/model.json describes, for models whose input is resized by the short side and normalised by mean and std.
"""
import asyncio
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, HTTPException, Request, Response
from PIL import Image, ImageOps, UnidentifiedImageError

THREADS = int(os.environ.get("ORT_THREADS", "1"))  # of one run
CONCURRENCY = int(os.environ.get("CONCURRENCY", "2"))  # requests that one worker process works on at once

folder = Path(os.environ["MODEL"])
manifest = json.loads((folder / "model.json").read_text())
prep = manifest["preprocess"]
SHORT_SIDE = prep["resize"]["size"]
MULTIPLE = prep["size"]["multiple"]
assert prep["resize"]["mode"] == "short_side" and MULTIPLE == 1, "this peer resizes by the short side, without padding"
std = np.asarray(prep["std"], np.float32)
SCALE = (prep["scale"] / std).reshape(3, 1, 1).astype(np.float32)
SHIFT = (-np.asarray(prep["mean"], np.float32) / std).reshape(3, 1, 1)
CAMVID = [128, 128, 128, 128, 0, 0, 192, 192, 128, 128, 64, 128, 60, 40, 222, 128, 128, 0,
          192, 128, 128, 64, 64, 128, 64, 0, 128, 64, 64, 0, 0, 128, 192]

cv2.setNumThreads(1)  # requests are the parallelism
options = ort.SessionOptions()
options.intra_op_num_threads = THREADS
options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
options.add_session_config_entry("session.set_denormal_as_zero", "1")
versions = sorted((int(p.name) for p in folder.iterdir() if p.name.isdigit()), reverse=True)
session = ort.InferenceSession(str(folder / str(versions[0]) / "model.onnx"), options, providers=["CPUExecutionProvider"])
INPUT, OUTPUT = manifest["graph"]["input"], manifest["graph"]["output"]

pool = ThreadPoolExecutor(CONCURRENCY)
app = FastAPI(docs_url=None, redoc_url=None)


def prepare(photo: Image.Image) -> np.ndarray:
    width, height = photo.size
    if width <= height:
        size = SHORT_SIDE, max(1, round(height * SHORT_SIDE / width))
    else:
        size = max(1, round(width * SHORT_SIDE / height)), SHORT_SIDE
    if size != photo.size:
        photo = photo.resize(size, Image.Resampling.BILINEAR)  # antialiased
    chw = np.asarray(photo).transpose(2, 0, 1).astype(np.float32, order="C")
    np.multiply(chw, SCALE, out=chw)
    np.add(chw, SHIFT, out=chw)
    return chw[np.newaxis]


def label(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Upsamples each class and keeps the best so far: several times as fast as one big array and np.argmax over its first axis."""
    best = cv2.resize(logits[0], size, interpolation=cv2.INTER_LINEAR)
    labels = np.zeros(best.shape, np.uint8)
    scores = np.empty_like(best)
    for index in range(1, len(logits)):
        cv2.resize(logits[index], size, dst=scores, interpolation=cv2.INTER_LINEAR)
        labels[scores > best] = index
        np.maximum(best, scores, out=best)
    return labels


def segment(encoded: bytes) -> bytes:
    photo = Image.open(io.BytesIO(encoded))
    photo = ImageOps.exif_transpose(photo).convert("RGB")
    (logits,) = session.run([OUTPUT], {INPUT: prepare(photo)})
    mask = Image.fromarray(label(logits[0], photo.size), "P")
    mask.putpalette(CAMVID)
    png = io.BytesIO()
    mask.save(png, "PNG", compress_level=1)
    return png.getvalue()


@app.get("/health/ready")
def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.post("/v1/segment")
async def post_segment(request: Request) -> Response:
    encoded = await request.body()
    try:
        png = await asyncio.get_running_loop().run_in_executor(pool, segment, encoded)
    except (UnidentifiedImageError, OSError) as error:
        raise HTTPException(422, f"The image cannot be decoded: {error}") from error
    return Response(png, media_type="image/png")

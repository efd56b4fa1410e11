#!/usr/bin/python3
"""Memory that decoding takes, of every format, depth and shape, against what admission counts; and many of the largest images at once in a cgroup of 4 GiB.

    dotnet build -c Release src/InferenceServer && /usr/bin/python3 tests/soak/decoding.py [--only TEXT] [--pixels 100000000] [--program PATH]      (NumPy, Pillow, onnx, GDAL)
    /usr/bin/python3 tests/soak/decoding.py --timeout 200                         (seconds until a decoder has stopped)
    sudo /usr/bin/python3 tests/soak/decoding.py --flood 24                       (memory cgroups)

The first draws images whose pixels are all white, sends one at a time, and prints the growth of resident memory above that of the idle server in bytes a pixel, what
admission counted, and the seconds it took; it ends with 1 where an image takes more than is counted. The second sends the images all at once, and ends with 1 where the
server does not survive or answers 500.
"""
import argparse
import ctypes
import http.client
import json
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import threading
import time
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from osgeo import gdal
from PIL import Image, ImageCms

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "src/InferenceServer/bin/Release/net10.0/InferenceServer.dll"
CGROUP = pathlib.Path("/sys/fs/cgroup/memory")
BYTES_OF_PIXEL = 12
SLACK = 192 << 20  # the pool keeps 128 MB from image to image; the rest is the runtime's
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
Image.MAX_IMAGE_PIXELS = None
gdal.UseExceptions()


def png(path, width, height, kind, bits, interlaced=False):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    pack = zlib.compressobj(1)
    data = []
    for left, top, across, down in PASSES if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            fill = b"\x00" if kind == 3 else b"\xff"
            row = b"\0" + fill * ((columns * samples * bits + 7) // 8)
            step = max(1, (1 << 20) // len(row))
            for first in range(0, rows, step):
                data.append(pack.compress(row * min(step, rows - first)))
    data.append(pack.flush())
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced))))
        if kind == 3:
            file.write(chunk(b"PLTE", b"\xff" * 3))
        file.write(chunk(b"IDAT", b"".join(data)) + chunk(b"IEND", b""))


def pillow(path, width, height, mode, name, turn=0, profile=False, **options):
    image = Image.new(mode, (width, height), 255 if mode in ("L", "P") else tuple([255] * len(mode)) if mode != "CMYK" else (0, 0, 0, 0))
    if turn:
        exif = Image.Exif()
        exif[274] = turn
        options["exif"] = exif
    if profile:
        options["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(path, name, **options)


def tiff(path, width, height, bands, number, *options, turn=0):
    value = {gdal.GDT_Byte: 255, gdal.GDT_UInt16: 65535, gdal.GDT_UInt32: 4294967295, gdal.GDT_Float32: 255.0}[number]
    photometric = {1: "MINISBLACK", 3: "RGB", 4: "RGB"}[bands]
    if not any(o.startswith("PHOTOMETRIC") for o in options):
        options = (*options, f"PHOTOMETRIC={photometric}")
    file = gdal.GetDriverByName("GTiff").Create(str(path), width, height, bands, number, [*options, f"ALPHA={'YES' if bands == 4 else 'NO'}", "NUM_THREADS=2"])
    for band in range(bands):
        file.GetRasterBand(band + 1).Fill(value)
    file = None
    if turn:
        data = bytearray(path.read_bytes())  # GDAL does not write the tag, so it takes the place of another
        at = struct.unpack("<I", data[4:8])[0] + 2
        count = struct.unpack("<H", data[at - 2:at])[0]
        tags = [bytes(data[at + 12 * i:at + 12 * i + 12]) for i in range(count)]
        tags = sorted([t for t in tags if t[:2] != struct.pack("<H", 284)] + [struct.pack("<HHIHH", 274, 3, 1, turn, 0)], key=lambda t: t[0] + 256 * t[1])
        data[at:at + 12 * count] = b"".join(tags)
        path.write_bytes(data)


def avif(path, width, height, bands, bits=8, whole=False):
    vips = ctypes.CDLL(str(next(pathlib.Path.home().glob(".nuget/packages/netvips.native.linux-x64/*/runtimes/linux-x64/native/libvips.so.42"))))
    vips.vips_init(b"decoding")
    vips.vips_concurrency_set(2)
    image, white, last = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    vips.vips_black(ctypes.byref(image), width, height, ctypes.c_char_p(b"bands"), bands, None)
    ones = (ctypes.c_double * 1)(1.0)
    add = (ctypes.c_double * 1)(255.0 if bits == 8 else 65535.0)
    vips.vips_linear(image, ctypes.byref(white), ones, add, 1, None)
    vips.vips_cast(white, ctypes.byref(last), 0 if bits == 8 else 2, None)
    made = ctypes.c_void_p()
    vips.vips_copy(last, ctypes.byref(made), ctypes.c_char_p(b"interpretation"), 22 if bits == 8 else 25, None)
    if vips.vips_heifsave(made, str(path).encode(), ctypes.c_char_p(b"compression"), 4, ctypes.c_char_p(b"effort"), 0, ctypes.c_char_p(b"bitdepth"), bits,
                         ctypes.c_char_p(b"subsample_mode"), 2 if whole else 1, None):
        vips.vips_error_buffer_copy.restype = ctypes.c_char_p
        raise ValueError(vips.vips_error_buffer_copy().decode())


KINDS = {
    "png-bit": lambda p, w, h: png(p, w, h, 0, 1),
    "png-grey": lambda p, w, h: png(p, w, h, 0, 8),
    "png-grey16": lambda p, w, h: png(p, w, h, 0, 16),
    "png-grey-alpha": lambda p, w, h: png(p, w, h, 4, 8),
    "png-grey-alpha16": lambda p, w, h: png(p, w, h, 4, 16),
    "png-palette": lambda p, w, h: png(p, w, h, 3, 8),
    "png-rgb": lambda p, w, h: png(p, w, h, 2, 8),
    "png-rgba": lambda p, w, h: png(p, w, h, 6, 8),
    "png-rgb16": lambda p, w, h: png(p, w, h, 2, 16),
    "png-rgba16": lambda p, w, h: png(p, w, h, 6, 16),
    "png-rgb-interlaced": lambda p, w, h: png(p, w, h, 2, 8, True),
    "png-rgba-interlaced": lambda p, w, h: png(p, w, h, 6, 8, True),
    "png-rgba16-interlaced": lambda p, w, h: png(p, w, h, 6, 16, True),
    "png-rgb-profile": lambda p, w, h: pillow(p, w, h, "RGB", "PNG", profile=True, compress_level=1),
    "jpeg": lambda p, w, h: pillow(p, w, h, "RGB", "JPEG"),
    "jpeg-444": lambda p, w, h: pillow(p, w, h, "RGB", "JPEG", subsampling=0),
    "jpeg-grey": lambda p, w, h: pillow(p, w, h, "L", "JPEG"),
    "jpeg-cmyk": lambda p, w, h: pillow(p, w, h, "CMYK", "JPEG"),
    "jpeg-progressive": lambda p, w, h: pillow(p, w, h, "RGB", "JPEG", progressive=True),
    "jpeg-444-progressive": lambda p, w, h: pillow(p, w, h, "RGB", "JPEG", progressive=True, subsampling=0),
    "jpeg-cmyk-progressive": lambda p, w, h: pillow(p, w, h, "CMYK", "JPEG", progressive=True),
    "jpeg-turned": lambda p, w, h: pillow(p, w, h, "RGB", "JPEG", turn=6),
    "jpeg-turned-progressive": lambda p, w, h: pillow(p, w, h, "RGB", "JPEG", turn=6, progressive=True, subsampling=0),
    "jpeg-profile": lambda p, w, h: pillow(p, w, h, "RGB", "JPEG", profile=True),
    "webp": lambda p, w, h: pillow(p, w, h, "RGB", "WEBP", method=0, quality=50),
    "webp-lossless": lambda p, w, h: pillow(p, w, h, "RGB", "WEBP", lossless=True, method=0, quality=0),
    "webp-alpha": lambda p, w, h: pillow(p, w, h, "RGBA", "WEBP", method=0, quality=50),
    "webp-turned": lambda p, w, h: pillow(p, w, h, "RGB", "WEBP", turn=6, method=0, quality=50),
    "gif": lambda p, w, h: pillow(p, w, h, "P", "GIF"),
    "avif": lambda p, w, h: avif(p, w, h, 3),
    "avif-alpha": lambda p, w, h: avif(p, w, h, 4),
    "avif-444": lambda p, w, h: avif(p, w, h, 3, whole=True),
    "avif-444-alpha": lambda p, w, h: avif(p, w, h, 4, whole=True),
    "avif-444-deep-alpha": lambda p, w, h: avif(p, w, h, 4, 12, whole=True),
    "avif-deep": lambda p, w, h: avif(p, w, h, 3, 12),
    "tiff-rgb": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_Byte, "COMPRESS=LZW"),
    "tiff-rgb-one-strip": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_Byte, "COMPRESS=LZW", f"BLOCKYSIZE={h}"),
    "tiff-rgb-tiles": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_Byte, "COMPRESS=LZW", "TILED=YES"),
    "tiff-rgb-tiles-2048": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_Byte, "COMPRESS=LZW", "TILED=YES", "BLOCKXSIZE=2048", "BLOCKYSIZE=2048"),
    "tiff-rgba-planar": lambda p, w, h: tiff(p, w, h, 4, gdal.GDT_Byte, "COMPRESS=LZW", "INTERLEAVE=BAND"),
    "tiff-rgba16": lambda p, w, h: tiff(p, w, h, 4, gdal.GDT_UInt16, "COMPRESS=DEFLATE"),
    "tiff-rgba16-one-strip": lambda p, w, h: tiff(p, w, h, 4, gdal.GDT_UInt16, "COMPRESS=DEFLATE", f"BLOCKYSIZE={h}"),
    "tiff-rgba16-tiles": lambda p, w, h: tiff(p, w, h, 4, gdal.GDT_UInt16, "COMPRESS=DEFLATE", "TILED=YES"),
    "tiff-rgb-float": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_Float32, "COMPRESS=DEFLATE"),
    "tiff-rgba-float-one-strip": lambda p, w, h: tiff(p, w, h, 4, gdal.GDT_Float32, "COMPRESS=DEFLATE", f"BLOCKYSIZE={h}"),
    "tiff-rgb-uint32": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_UInt32, "COMPRESS=DEFLATE"),
    "tiff-rgba-uint32-one-strip": lambda p, w, h: tiff(p, w, h, 4, gdal.GDT_UInt32, "COMPRESS=DEFLATE", f"BLOCKYSIZE={h}"),
    "tiff-rgb-turned": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_Byte, "COMPRESS=LZW", turn=6),
    "tiff-rgb16-turned": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_UInt16, "COMPRESS=DEFLATE", turn=6),
    "tiff-float-turned": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_Float32, "COMPRESS=DEFLATE", turn=6),
    "tiff-jpeg": lambda p, w, h: tiff(p, w, h, 3, gdal.GDT_Byte, "COMPRESS=JPEG", "PHOTOMETRIC=YCBCR", "TILED=YES"),
}
SIDES = {"webp": 16383, "avif": 16384, "jpeg": 65500, "gif": 65535, "png": 65535, "tiff": 65535}


def shapes(kind, pixels):
    """A square, and two strips with as many pixels, as long as the format and the server allow."""
    side = SIDES[kind.split("-")[0]]
    square = int(pixels ** 0.5)
    return [(square, square), (side, pixels // side), (pixels // side, side)]


def model(folder, classes):
    """A network whose input has 64 × 64 pixels, so that nearly all memory is the image's."""
    weight = np.tile(np.random.default_rng(classes).normal(size=(classes, 3)).astype(np.float32)[:, :, None, None] / 64, (1, 1, 8, 8))
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight"], ["logits"], kernel_shape=[8, 8], strides=[8, 8])], "few",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 64, 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes, 8, 8])], [numpy_helper.from_array(weight, "weight")])
    folder = folder / f"classes-{classes}"
    (folder / "1").mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8), folder / "1" / "model.onnx")
    (folder / "model.json").write_text(json.dumps({
        "schema": 1, "name": folder.name,
        "graph": {"input": "input", "output": "logits", "max_batch": 1, "output_kind": "logits", "output_stride": 8},
        "preprocess": {"color": "RGB", "scale": 1 / 255, "mean": [0] * 3, "std": [1] * 3, "pad": {"where": "bottom_right", "value": "mean"},
                       "resize": {"mode": "exact", "size": [64, 64], "filter": "bilinear", "antialias": False}, "size": {"multiple": 8, "fixed": [64, 64]}},
        "classes": {"names": [f"class {i}" for i in range(classes)], "palette": [f"#{i:02x}{i:02x}{i:02x}" for i in range(classes)]}}))


class Server:
    def __init__(self, program, models, port, *options, cgroup=None):
        self.port = port
        enter = f"echo $$ > {cgroup}/cgroup.procs; " if cgroup else ""
        self.process = subprocess.Popen(
            ["bash", "-c", f'{enter}exec dotnet "$@"', "-", str(program), f"--urls=http://127.0.0.1:{port}", f"--Models:Path={models}", "--Onnx:Provider=Cpu",
             "--Serilog:MinimumLevel:Default=Error", *options])
        for _ in range(600):
            time.sleep(0.1)
            if self.call("GET", "/health/ready")[0] == 200:
                break
        small = tempfile.NamedTemporaryFile(suffix=".png")
        png(small.name, 64, 64, 2, 8)
        for _ in range(3):
            self.call("POST", "/v1/segment?format=raw", pathlib.Path(small.name).read_bytes())
        time.sleep(1)
        self.idle = self.memory("VmRSS")

    def call(self, method, path, body=None, timeout=120):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError as e:
            return 0, str(e).encode()
        finally:
            connection.close()

    def memory(self, field):
        return int(re.search(rf"^{field}:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text(), re.M)[1]) * 1024

    def ticks(self):
        return sum(map(int, pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / 100

    def counted(self):
        found = re.search(rb"^seg_admitted_pixels(?:\{\})? (\S+)$", self.call("GET", "/metrics")[1], re.M)
        return int(float(found[1])) * BYTES_OF_PIXEL if found else 0

    def settle(self):
        for _ in range(50):
            if self.memory("VmRSS") < self.idle + (160 << 20):
                return
            time.sleep(0.1)

    def measure(self, path, body):
        """Status, growth of resident memory, what admission counted, seconds, seconds of the processor, the answer's bytes."""
        self.settle()
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        counts, done = [0], threading.Event()

        def watch():
            while not done.wait(0.02):
                counts.append(self.counted())

        watcher = threading.Thread(target=watch)
        watcher.start()
        ticks, began = self.ticks(), time.monotonic()
        status, answer = self.call("POST", path, body)
        took = time.monotonic() - began
        done.set()
        watcher.join()
        return status, self.memory("VmHWM") - self.idle, max(counts), took, self.ticks() - ticks, answer

    def stop(self):
        self.process.terminate()
        self.process.wait()


def draw(kind, width, height, folder):
    path = folder / f"{kind}-{width}x{height}"
    if not path.exists():
        part = path.with_suffix(".part")
        try:
            KINDS[kind](part, width, height)
        except Exception as e:  # a shape that the format does not have
            print(f"{path.name}: {e}")
            return None
        part.rename(path)
    return path


def matrix(arguments, folder, models):
    server, wrong = Server(arguments.program, models, arguments.port), 0
    print(f"idle {server.idle >> 20} MB\n{'image':46} status  bytes/pixel  counted  seconds  cpu")
    for kind in KINDS:
        if arguments.only not in kind:
            continue
        for width, height in shapes(kind, arguments.pixels):
            path = draw(kind, width, height, folder)
            if path is None:
                continue
            body = path.read_bytes()
            timeout = f"&timeout={arguments.timeout}" if arguments.timeout else ""
            status, grown, counted, took, cpu, answer = server.measure(f"/v1/segment/classes-3?format={arguments.format}{timeout}", body)
            pixels = width * height
            answers = len(answer) if status == 200 else 0
            over = status == 200 and grown - len(body) - SLACK > counted
            wrong += over
            note = "  MORE" if over else ""
            if status != 200:
                note = "  " + (json.loads(answer).get("detail", "") if answer.startswith(b"{") else repr(answer[:80]))[:150]
            print(f"{path.name:46} {status:6}  {(grown - len(body)) / pixels:11.1f}  {counted / pixels:7.1f}  {took:7.1f} {cpu:4.1f}{note}", flush=True)
            if status == 0:
                server = Server(arguments.program, models, arguments.port)
    server.stop()
    return wrong


def flood(arguments, folder, models):
    """All images of the matrix at once, by many clients, for a while."""
    group = CGROUP / "decoding"
    group.mkdir(exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(str(arguments.limit << 20))
    server = Server(arguments.program, models, arguments.port, cgroup=group)
    bodies = [draw(kind, *shape, folder).read_bytes() for kind in KINDS if arguments.only in kind for shape in shapes(kind, arguments.pixels) if draw(kind, *shape, folder)]
    counts, end, most = {}, time.monotonic() + arguments.seconds, [0]

    def client(number):
        rng = np.random.default_rng(number)
        while time.monotonic() < end and server.process.poll() is None:
            status, answer = server.call("POST", f"/v1/segment/classes-3?format={arguments.format}", bodies[rng.integers(len(bodies))])
            counts[status] = counts.get(status, 0) + 1
            most[0] = max(most[0], int((group / "memory.usage_in_bytes").read_text()))
            if status == 500:
                print(answer[:300])
            time.sleep(0.05 if status == 200 else 0.2)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(arguments.flood)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alive = server.process.poll() is None
    print(f"{arguments.flood} clients, {arguments.seconds} s, {len(bodies)} images, {arguments.limit} MiB: {'alive' if alive else 'KILLED'}, "
          f"answers {counts}, most {(most[0]) >> 20} MB, resident peak {server.memory('VmHWM') >> 20 if alive else 0} MB, idle {server.idle >> 20} MB")
    if alive:
        for seconds in (2, 10, 30, 60):
            time.sleep(seconds - (0 if seconds == 2 else {10: 2, 30: 10, 60: 30}[seconds]))
            print(f"after {seconds} s: {server.memory('VmRSS') >> 20} MB")
    server.stop()
    return int(not alive or counts.get(500, 0) > 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="kinds whose name has this text")
    parser.add_argument("--pixels", type=int, default=100_000_000)
    parser.add_argument("--format", default="raw")
    parser.add_argument("--flood", type=int, default=0, help="clients at once")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--timeout", type=int, default=0, help="milliseconds; a decoder should end soon after")
    parser.add_argument("--limit", type=int, default=4096, help="MiB of the cgroup")
    parser.add_argument("--port", type=int, default=5193)
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--images", type=pathlib.Path, help="folder that keeps the images")
    arguments = parser.parse_args()
    temporary = pathlib.Path(tempfile.mkdtemp())
    try:
        model(temporary / "models", 3)
        folder = arguments.images or temporary / "images"
        folder.mkdir(parents=True, exist_ok=True)
        wrong = (flood if arguments.flood else matrix)(arguments, folder, temporary / "models")
    finally:
        shutil.rmtree(temporary)
    raise SystemExit(int(wrong > 0))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Memory of the server for a GeoTIFF of 10,000 × 10,000 pixels of four bands of 16 bits, and its labels against NumPy's.

Draws the file with GDAL (tiles of 512 × 512, Deflate with predictor 2; --plain: uncompressed), starts the server with a network whose class is its largest band, requests
GeoTIFFs by tiles, of the whole file and of a window, and prints the largest resident memory that Linux saw.

    dotnet build -c Release && /usr/bin/python3 tests/soak/rasters.py [--side 10000] [--crop 512] [--plain]      (NumPy, GDAL)
"""
import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

import numpy as np
from osgeo import gdal, osr

ROOT = pathlib.Path(__file__).resolve().parents[2]
BANDS, ROWS = 4, 500
NODATA, NODATA_LABEL = 0, 99
URL = "http://127.0.0.1:5190"
gdal.UseExceptions()


def rows(first, count, side):
    """Some rows of a scene: waves of each band's own length, noise, and a corner without data."""
    y, x = np.mgrid[first:first + count, 0:side].astype(np.float32)
    noise = np.random.default_rng(first)
    bands = np.empty((BANDS, count, side), np.uint16)
    for band in range(BANDS):
        wave = np.sin(x / (90 + 37 * band)) * np.cos(y / (120 + 23 * band))
        bands[band] = 4000 + 3000 * wave + noise.integers(0, 600, (count, side))
    bands[:, (x + y) < side / 10] = NODATA
    return bands


def draw(path, side, plain):
    file = gdal.GetDriverByName("GTiff").Create(
        str(path), side, side, BANDS, gdal.GDT_UInt16,
        ["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "NUM_THREADS=2",
         *([] if plain else ["COMPRESS=DEFLATE", "PREDICTOR=2"])])
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    file.SetProjection(crs.ExportToWkt())
    file.SetGeoTransform((500000, 10, 0, 5700000, 0, -10))
    for band in range(BANDS):
        file.GetRasterBand(band + 1).SetNoDataValue(NODATA)
    for first in range(0, side, ROWS):
        file.WriteArray(rows(first, min(ROWS, side - first), side), 0, first)
    file = None


def model(folder):
    shutil.copytree(ROOT / "tests/assets/odd-models/tiny-four", folder / "tiny-four")
    path = folder / "tiny-four" / "model.json"
    manifest = json.loads(path.read_text())
    manifest["preprocess"]["color"] = "bands"
    manifest["preprocess"].pop("scale", None)
    manifest["preprocess"]["value_scaling"] = [{"type": "scale", "value": 10000}]
    manifest["preprocess"]["nodata"] = "from_file"
    manifest.setdefault("postprocess", {})["nodata_label"] = NODATA_LABEL
    path.write_text(json.dumps(manifest))


def memory(process, field="VmHWM"):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise ValueError(field)


def start(models):
    side = {"Models__Path": models, "Decoding__MaxBytes": 1 << 30, "Decoding__MaxPixels": 200_000_000,
            "Inference__MaxInputPixels": 1_000_000_000, "Scheduling__MaxTimeout": "00:10:00", "Scheduling__DefaultTimeout": "00:10:00"}
    program = ROOT / "src/InferenceServer/bin/Release/net10.0/InferenceServer.dll"
    process = subprocess.Popen(
        ["dotnet", str(program), "--urls", URL, *[f"--{key.replace('__', ':')}={value}" for key, value in side.items()]],
        cwd=program.parent, stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            if urllib.request.urlopen(URL + "/health/ready").status == 200:
                return process
        except OSError:
            time.sleep(0.2)
    process.kill()
    raise SystemExit("the server did not start")


def post(file, query):
    data = file.read_bytes()
    request = urllib.request.Request(f"{URL}/v1/segment/tiny-four?{query}", data, {"Content-Type": "image/tiff"})
    begun = time.monotonic()
    with urllib.request.urlopen(request, timeout=600) as answer:
        return answer.read(), time.monotonic() - begun


def check(answer, side, x=0, y=0, width=None, height=None):
    """Compares labels, transform and size with the file's."""
    width, height = width or side, height or side
    gdal.FileFromMemBuffer("/vsimem/answer.tif", answer)
    mask = gdal.Open("/vsimem/answer.tif")
    assert (mask.RasterXSize, mask.RasterYSize) == (width, height), (mask.RasterXSize, mask.RasterYSize)
    assert mask.GetGeoTransform() == (500000 + 10 * x, 10, 0, 5700000 - 10 * y, 0, -10), mask.GetGeoTransform()
    assert mask.GetSpatialRef().GetAuthorityCode(None) == "32633"
    equal = 0
    for first in range(y // ROWS * ROWS, y + height, ROWS):
        bands = rows(first, min(ROWS, side - first), side)
        expected = bands.argmax(0).astype(np.uint8)
        expected[(bands == NODATA).all(0)] = NODATA_LABEL
        top, bottom = max(first, y), min(first + len(expected), y + height)
        got = mask.GetRasterBand(1).ReadAsArray(0, top - y, width, bottom - top)
        equal += int((got == expected[top - first:bottom - first, x:x + width]).sum())
    return equal / (width * height)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--crop", type=int, default=512)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    side = options.side
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        file = folder / "scene.tif"
        draw(file, side, options.plain)
        model(folder / "models")
        server = start(folder / "models")
        try:
            print(f"file {file.stat().st_size / 1e6:.0f} MB, samples {side * side * BANDS * 2 / 1e6:.0f} MB")
            print(f"start: resident {memory(server, 'VmRSS') / 1e6:.0f} MB")
            part = (side // 2 + 13, side // 3 + 5, side // 5, side // 7)
            slide = f"format=geotiff&mode=slide&resize=none&crop={options.crop}"
            answer, seconds = post(file, f"{slide}&window={','.join(map(str, part))}")
            print(f"window of {part[2]} x {part[3]}: {seconds:.1f} s, equal labels {check(answer, side, *part):.6f}, most resident {memory(server) / 1e6:.0f} MB")
            answer, seconds = post(file, slide)
            print(f"whole file: {seconds:.1f} s, equal labels {check(answer, side):.6f}, most resident {memory(server) / 1e6:.0f} MB")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


main()

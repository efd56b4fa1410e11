#!/usr/bin/python3
"""make_rasters.py: TIFF files of every kind that the runtime's own reader knows, written by GDAL. Needs python3-gdal.

Each file has 21 × 18 pixels and three bands; the sample at column x, row y of band b (from 0) is (7 x + 13 y + 50 b) mod 200, less
100 for signed integers, and divided by 8 for floating-point numbers. The file's name says what it is.
"""
import os
import random
import numpy as np
from osgeo import gdal

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rasters")
WIDTH, HEIGHT, BANDS = 21, 18, 3
TYPES = {
    "uint8": (gdal.GDT_Byte, []), "int8": (gdal.GDT_Byte, ["PIXELTYPE=SIGNEDBYTE"]), "uint16": (gdal.GDT_UInt16, []),
    "int16": (gdal.GDT_Int16, []), "uint32": (gdal.GDT_UInt32, []), "int32": (gdal.GDT_Int32, []), "uint64": (gdal.GDT_UInt64, []),
    "int64": (gdal.GDT_Int64, []), "float16": (gdal.GDT_Float32, ["NBITS=16"]), "float32": (gdal.GDT_Float32, []),
    "float64": (gdal.GDT_Float64, []), "uint12": (gdal.GDT_UInt16, ["NBITS=12"]), "uint9": (gdal.GDT_UInt16, ["NBITS=9"]),
}
COMPRESSIONS = ["NONE", "LZW", "DEFLATE", "PACKBITS"]


def pixels(kind):
    b, y, x = np.mgrid[:BANDS, :HEIGHT, :WIDTH]
    values = (7 * x + 13 * y + 50 * b) % 200
    if kind.startswith("int"):
        values = values - 100
    if kind == "int8":
        return values.astype(np.int8).view(np.uint8)
    return values / 8 if kind.startswith("float") else values


def write(kind, compression, predictor, tiled, planar, big, big_endian):
    form = "tiles" if tiled else "strips"
    layout = "planar" if planar else "chunky"
    name = f"{kind}-{compression.lower()}{predictor}-{form}-{layout}-{'bigtiff' if big else 'tiff'}-{'mm' if big_endian else 'ii'}"
    number, options = TYPES[kind]
    options = options + [
        f"COMPRESS={compression}", f"BIGTIFF={'YES' if big else 'NO'}", f"ENDIANNESS={'BIG' if big_endian else 'LITTLE'}",
        f"INTERLEAVE={'BAND' if planar else 'PIXEL'}", "PHOTOMETRIC=RGB", "ALPHA=NO"]
    options += ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"] if tiled else ["BLOCKYSIZE=5"]
    if predictor > 1:
        options.append(f"PREDICTOR={predictor}")
    path = os.path.join(FOLDER, name + ".tif")
    file = gdal.GetDriverByName("GTiff").Create(path, WIDTH, HEIGHT, BANDS, number, options)
    for band, values in enumerate(pixels(kind)):
        file.GetRasterBand(band + 1).WriteArray(values)
    file = None
    if os.path.exists(path + ".aux.xml"):
        os.remove(path + ".aux.xml")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for name in os.listdir(FOLDER):
        os.remove(os.path.join(FOLDER, name))
    rng = random.Random(15)
    for kind in TYPES:
        for compression in COMPRESSIONS:
            predictors = [1]
            if compression in ("LZW", "DEFLATE") and kind[-1] in "8642" and kind != "uint12":
                predictors += [2] if not kind.startswith("float") else [3]
            for predictor in predictors:
                # Two of the sixteen layouts, chosen so that each occurs with most types.
                for layout in rng.sample(range(16), 2):
                    if predictor == 3:
                        layout &= 7  # GDAL cannot read back what it writes in the other byte order
                    write(kind, compression, predictor, layout & 1, layout & 2, layout & 4, layout & 8)
    for kind, predictor, layout in (
            ("uint8", 1, 0), ("uint8", 2, 7), ("uint16", 2, 9), ("int16", 1, 14), ("float32", 3, 5), ("float64", 1, 2), ("uint12", 1, 3)):
        write(kind, "ZSTD", predictor, layout & 1, layout & 2, layout & 4, layout & 8)


if __name__ == "__main__":
    gdal.UseExceptions()
    main()

#!/usr/bin/env python3
"""Pictures with georeferences, and what GDAL and PROJ say of them: tests/assets/geo.

Each picture is Photo.Png of the tests: red above, green below on the left, blue below on the right.
Needs GDAL with its Python module, PROJ's cs2cs and NumPy. Run: python3 tests/assets/make_geo.py
"""
import json
import random
import subprocess
from pathlib import Path

import numpy as np
from osgeo import gdal, osr

FOLDER = Path(__file__).parent / "geo"
WIDTH, HEIGHT = 48, 32
gdal.UseExceptions()

LAEA = "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m"
FILES = {
    # name: (CRS, geotransform, options, AREA_OR_POINT)
    "utm": ("EPSG:32633", (440720, 60, 0, 5751320, 0, -60), [], "Area"),
    "utm-point": ("EPSG:32733", (500125.25, 10, 0, 8000250.5, 0, -10), ["BIGTIFF=YES", "ENDIANNESS=BIG"], "Point"),
    "mercator-rotated": ("EPSG:3857", (1492232.5, 8, 3, 6894699.75, 2, -9), [], "Area"),
    "mercator-rotated-point": ("EPSG:3857", (1492232.5, 8, 3, 6894699.75, 2, -9), ["ENDIANNESS=BIG"], "Point"),
    "wgs84": ("EPSG:4326", (13.25, 0.0005, 0, 52.75, 0, -0.00025), ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"], "Area"),
    "nad83": ("EPSG:4269", (-71.25, 0.0005, 0, -42.75, 0, -0.00025), [], "Area"),
    "feet": ("EPSG:2263", (980000, 40, 0, 195000, 0, -40), [], "Area"),
    "lambert": ("EPSG:2154", (650000, 20, 0, 6860000, 0, -20), [], "Area"),
    "own-crs": (LAEA, (4321000, 30, 0, 3210000, 0, -30), [], "Area"),
    "no-crs": (None, (100, 2, 0, 200, 0, -2), [], "Area"),
}


def picture():
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[: HEIGHT // 2] = 200, 40, 40
    rgb[HEIGHT // 2 :, : WIDTH // 2] = 40, 200, 40
    rgb[HEIGHT // 2 :, WIDTH // 2 :] = 40, 40, 200
    return rgb


def write(name, crs, transform, options, kind):
    path = FOLDER / f"{name}.tif"
    file = gdal.GetDriverByName("GTiff").Create(
        str(path), WIDTH, HEIGHT, 3, gdal.GDT_Byte, ["COMPRESS=DEFLATE", "INTERLEAVE=PIXEL", *options])
    system = osr.SpatialReference()
    if crs:
        system.SetFromUserInput(crs)
    if transform:
        file.SetProjection(system.ExportToWkt())
        file.SetGeoTransform(transform)
    else:
        points = [gdal.GCP(13.0 + x / 100, 52.0 - y / 100, 0, x, y) for x, y in ((0, 0), (48, 0), (0, 32), (48, 32))]
        file.SetGCPs(points, system.ExportToWkt())
    file.SetMetadataItem("AREA_OR_POINT", kind)
    for band in range(3):
        file.GetRasterBand(band + 1).WriteArray(picture()[:, :, band])
    file = None
    return path


def write_bands():
    """The same picture as four bands of 16 bits, blue, green, red and near infrared: reflectance × 10000."""
    file = gdal.GetDriverByName("GTiff").Create(
        str(FOLDER / "utm-bands.tif"), WIDTH, HEIGHT, 4, gdal.GDT_UInt16, ["COMPRESS=DEFLATE", "PHOTOMETRIC=MINISBLACK"])
    system = osr.SpatialReference()
    system.SetFromUserInput(FILES["utm"][0])
    file.SetProjection(system.ExportToWkt())
    file.SetGeoTransform(FILES["utm"][1])
    rgb = picture().astype(np.uint16) * 10
    for i, band in enumerate((rgb[:, :, 2], rgb[:, :, 1], rgb[:, :, 0], np.full((HEIGHT, WIDTH), 300, np.uint16))):
        file.GetRasterBand(i + 1).WriteArray(band)


def info(path):
    said = json.loads(subprocess.check_output(["gdalinfo", "-json", str(path)]))
    system = said.get("coordinateSystem", {}).get("wkt", "")
    file = gdal.Open(str(path))
    code = file.GetSpatialRef().GetAuthorityCode(None) if file.GetSpatialRef() else None
    answer = {"transform": said.get("geoTransform"), "epsg": int(code) if code else None,
              "geographic": system.startswith("GEOGCRS"), "corners": None}
    if code in ("32633", "32733", "3857", "4326"):
        corners = [(0, 0), (WIDTH, 0), (0, HEIGHT), (WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2)]
        c, a, b, f, d, e = answer["transform"]
        places = [(c + x * a + y * b, f + x * d + y * e) for x, y in corners]
        answer["corners"] = [[x, y, *to_wgs84(int(code), [place])[0]] for (x, y), place in zip(corners, places)]
    return answer


def areas(name):
    """Square metres of the picture's three parts on the ellipsoid of WGS 84: the surface element, by Gauss and Legendre.

    Pixel by pixel, from the radii of curvature; nothing of a closed formula.
    """
    crs, (c, a, b, f, d, e), _, _ = FILES[name]
    radius, e2 = 6378137.0, (2 - 1 / 298.257223563) / 298.257223563
    nodes, weights = np.polynomial.legendre.leggauss(4)
    nodes, weights = (nodes + 1) / 2, weights / 2
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    total = np.zeros((HEIGHT, WIDTH))
    for u, wu in zip(nodes, weights):
        for v, wv in zip(nodes, weights):
            y = f + (column + u) * d + (row + v) * e
            if crs == "EPSG:3857":
                latitude = 2 * np.arctan(np.exp(y / radius)) - np.pi / 2
                to_radians = np.cos(latitude) / radius**2  # of the area of a pixel: longitude, then latitude
            else:
                latitude = np.radians(y)
                to_radians = np.radians(1) ** 2
            across = radius / np.sqrt(1 - e2 * np.sin(latitude) ** 2)
            along = radius * (1 - e2) / (1 - e2 * np.sin(latitude) ** 2) ** 1.5
            total += wu * wv * across * along * np.cos(latitude) * to_radians * abs(a * e - b * d)
    half, middle = HEIGHT // 2, WIDTH // 2
    return [total[:half].sum(), total[half:, :middle].sum(), total[half:, middle:].sum()]


def definition(epsg):
    system = osr.SpatialReference()
    system.ImportFromEPSG(epsg)
    return {"name": system.GetName(), "wkt": system.ExportToWkt(["FORMAT=WKT1_GDAL"])}


def to_wgs84(epsg, places):
    """Longitude and latitude of map coordinates, by PROJ."""
    text = "\n".join(f"{x!r} {y!r}" for x, y in places)
    if epsg == 4326:
        return [list(place) for place in places]
    said = subprocess.run(
        ["cs2cs", "-f", "%.14f", f"EPSG:{epsg}", "OGC:CRS84"], input=text, capture_output=True, text=True, check=True).stdout
    return [[float(word) for word in line.split()[:2]] for line in said.splitlines()]


def to_map(epsg, places):
    text = "\n".join(f"{x!r} {y!r}" for x, y in places)
    said = subprocess.run(
        ["cs2cs", "-f", "%.9f", "OGC:CRS84", f"EPSG:{epsg}"], input=text, capture_output=True, text=True, check=True).stdout
    return [[float(word) for word in line.split()[:2]] for line in said.splitlines()]


def projections():
    rng = random.Random(7)
    cases = []
    for epsg in (32601, 32631, 32633, 32648, 32660, 32701, 32719, 32733, 32756, 32760, 3857):
        places = []
        for _ in range(12):
            south = 32700 < epsg < 32761
            latitude = rng.uniform(0, 84) * (-80 / 84 if south else 1)
            longitude = rng.uniform(-179, 179)
            if epsg != 3857:
                longitude = (epsg % 100) * 6 - 183 + rng.uniform(-3, 3)
            places.append((longitude, latitude))
        places = to_map(epsg, places)
        cases += [[epsg, *place, *wgs84] for place, wgs84 in zip(places, to_wgs84(epsg, places))]
    return cases


def window(name, x, y, width, height):
    """What gdal_translate makes of a part of a file."""
    part = gdal.Translate("/vsimem/part.tif", str(FOLDER / f"{name}.tif"), srcWin=[x, y, width, height])
    points = [[p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY] for p in part.GetGCPs()]
    return {"file": name, "window": [x, y, width, height], "points": points,
            "transform": None if points else part.GetGeoTransform()}


def twelve():
    """A scene of twelve bands of 16 bits, and the labels that NumPy computes with the weights of tiny-twelve."""
    rng = np.random.default_rng(2)
    height, width = 75, 110
    y, x = np.mgrid[0:height, 0:width]
    bands = np.empty((12, height, width), np.uint16)
    for band in range(12):
        wave = np.sin(x / (9 + band)) + np.cos(y / (7 + 2 * band)) + np.sin((x + y) / (15 - band))
        bands[band] = 1500 + 450 * wave + 120 * band + 25 * rng.normal(size=wave.shape).round()
    bands[:, 20:31, 40:70] = 0
    bands[3, 50, 60] = 0  # one band without data; the others decide
    file = gdal.GetDriverByName("GTiff").Create(
        str(FOLDER / "twelve.tif"), width, height, 12, gdal.GDT_UInt16,
        ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32", "COMPRESS=DEFLATE", "PREDICTOR=2", "INTERLEAVE=PIXEL"])
    system = osr.SpatialReference()
    system.ImportFromEPSG(32632)
    file.SetProjection(system.ExportToWkt())
    file.SetGeoTransform((399960, 10, 0, 5300040, 0, -10))
    for band in range(12):
        file.GetRasterBand(band + 1).SetNoDataValue(0)
        file.GetRasterBand(band + 1).WriteArray(bands[band])
    file = None

    import onnx
    from onnx import numpy_helper
    model = onnx.load(str(FOLDER.parent / "odd-models" / "tiny-twelve" / "1" / "model.onnx"))
    weight = numpy_helper.to_array(model.graph.initializer[0])[:, :, 0, 0].astype(np.float64)
    values = np.clip(bands.astype(np.float64), 0, 10000) / 10000
    values[bands == 0] = 0.15  # a pixel without data has the mean
    scores = np.einsum("cb,bhw->chw", weight, (values - 0.15) / 0.1)
    labels = scores.argmax(0).astype(np.uint8)
    two = np.sort(scores, 0)[-2:]
    assert (two[1] - two[0])[(bands > 0).any(0)].min() > 5e-5, "no label hangs on the rounding of float32"
    labels[(bands == 0).all(0)] = 255
    labels.tofile(FOLDER / "twelve.labels")


FOLDER.mkdir(exist_ok=True)
twelve()
seen = {name: info(write(name, *how)) for name, how in FILES.items()}
write("gcps", "EPSG:4326", None, [], "Area")
write_bands()
(FOLDER / "gdal.json").write_text(json.dumps(seen, indent=1) + "\n")
(FOLDER / "areas.json").write_text(json.dumps(
    {name: areas(name) for name in ("wgs84", "nad83", "mercator-rotated")}, indent=1) + "\n")
(FOLDER / "definitions.json").write_text(json.dumps(
    {code: definition(code) for code in (4326, 3857, 32601, 32633, 32660, 32701, 32733)}, indent=1) + "\n")
(FOLDER / "proj.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in projections()) + "\n]\n")
(FOLDER / "windows.json").write_text(json.dumps([window(name, 7, 5, 20, 16) for name in [*FILES, "gcps"]], indent=1) + "\n")

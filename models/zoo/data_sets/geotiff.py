"""Writes a GeoTIFF of four bands without any library: red, green, blue, near infrared, uint16, interleaved, Deflate with predictor 2."""
import struct
import zlib

import numpy as np

ASCII, SHORT, LONG, DOUBLE = 2, 3, 4, 12
SIZES = {ASCII: "s", SHORT: "H", LONG: "I", DOUBLE: "d"}
ROWS = 64  # of a strip


def write(path, image, epsg, corner, metres):
    """image: H×W×4. The map coordinates of the upper left corner are (easting, northing); 0 in all bands means no data."""
    height, width, bands = image.shape
    difference = image.copy()
    difference[:, 1:] -= image[:, :-1]
    strips = [zlib.compress(difference[y:y + ROWS].astype("<u2").tobytes(), 9) for y in range(0, height, ROWS)]
    offsets = np.cumsum([8] + [len(s) + len(s) % 2 for s in strips]).tolist()
    tags = [
        (256, LONG, [width]), (257, LONG, [height]), (258, SHORT, [16] * bands), (259, SHORT, [8]), (262, SHORT, [2]),
        (273, LONG, offsets[:-1]), (277, SHORT, [bands]), (278, LONG, [ROWS]), (279, LONG, [len(s) for s in strips]),
        (284, SHORT, [1]), (317, SHORT, [2]),
        (338, SHORT, [0] * (bands - 3)),  # the fourth band is no alpha
        (33550, DOUBLE, [metres, metres, 0.0]), (33922, DOUBLE, [0.0, 0.0, 0.0, *map(float, corner), 0.0]),
        (34735, SHORT, [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, epsg]),  # projected; a pixel is an area; the system
        (42113, ASCII, b"0\0"),
    ]
    entries, rest = b"", b""
    start = offsets[-1] + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        data = values if kind == ASCII else struct.pack(f"<{len(values)}{SIZES[kind]}", *values)
        entries += struct.pack("<HHI", tag, kind, len(values))
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", start + len(rest))
            rest += data + b"\0" * (len(data) % 2)
    body = b"".join(s + b"\0" * (len(s) % 2) for s in strips)
    with open(path, "wb") as file:
        file.write(struct.pack("<2sHI", b"II", 42, offsets[-1]) + body + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + rest)

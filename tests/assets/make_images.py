#!/usr/bin/env python3
"""Makes the pictures in images/, one per kind of file that a server meets. Needs Pillow, numpy, OpenCV (for 16 bits) and avifenc.

Every one shows the same 40 x 30 picture: red, green, blue and yellow quarters on a white ground, from the top left clockwise, and
a black block in the top left corner; no turn or mirror of it looks like another. Grey ones show its luminance.
"""
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 40, 30


def picture():
    rgb = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    rgb[2:14, 2:19] = 200, 30, 30
    rgb[2:14, 21:38] = 30, 160, 40
    rgb[16:28, 21:38] = 30, 50, 200
    rgb[16:28, 2:19] = 220, 200, 40
    rgb[4:12, 4:12] = 0, 0, 0
    return rgb


# What was done to the upright picture to lay it in the file: the inverse of what EXIF orientation n asks the viewer to do.
LAY = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


def exif(orientation):
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0"


def alpha():
    """0 on the left, 255 on the right."""
    return np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))


def huge_png():
    """A header that promises 60000 x 60000 pixels, and next to no pixels."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def avif(target, *frames, options=()):
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{i}.png" for i in range(len(frames))]
        for frame, file in zip(frames, files):
            frame.save(file)
        lossless = ["--min", "0", "--max", "0", "-y", "444"]
        subprocess.run(["avifenc", *lossless, *options, *files, IMAGES / target], check=True)


def tiff(target, width, photometric, bits, data, colors=b""):
    """A TIFF of one strip; bits has a number for each sample."""
    fields = {256: (4, [width]), 257: (4, [HEIGHT]), 258: (3, bits), 259: (3, [1]), 262: (3, [photometric]), 273: (4, [0]),
              277: (3, [len(bits)]), 278: (4, [HEIGHT]), 279: (4, [len(data)]), 284: (3, [1])}
    if colors:
        fields[320] = (3, list(struct.unpack(f"<{len(colors) // 2}H", colors)))
    entries, body = b"", b""
    start = 8 + 2 + (12 * len(fields)) + 4
    sizes = {3: "H", 4: "I"}
    long = sum(len(v) * struct.calcsize(sizes[t]) for t, v in fields.values() if len(v) * struct.calcsize(sizes[t]) > 4)
    fields[273] = (4, [start + long])
    for tag, (kind, values) in sorted(fields.items()):
        raw = struct.pack("<" + (sizes[kind] * len(values)), *values)
        if len(raw) > 4:
            body, raw = body + raw, struct.pack("<I", start + len(body))
        entries += struct.pack("<HHI", tag, kind, len(values)) + raw.ljust(4, b"\0")
    file = b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + struct.pack("<I", 0) + body + data
    (IMAGES / target).write_bytes(file)


def indexed_tiffs(image):
    """A palette of 8 and of 4 bits."""
    few = image.quantize(16)
    indices, palette = np.asarray(few), np.zeros((256, 3), np.uint16)
    table = np.array(few.getpalette()).reshape(-1, 3)[:16]
    palette[:len(table)] = table * 257
    tiff("palette.tif", WIDTH, 3, [8], indices.tobytes(), palette.T.astype("<u2").tobytes())
    tiff("palette-4.tif", WIDTH, 3, [4], (indices[:, ::2] << 4 | indices[:, 1::2]).tobytes(), palette[:16].T.astype("<u2").tobytes())


def lab_tiffs(rgb):
    """CIELab for the white of sRGB, in 8 and 16 bits: L uses the whole range, a and b are signed."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    samples = np.dstack([np.round(lab[..., 0] * 2.55).astype(np.uint8), np.round(lab[..., 1:]).astype(np.int8).view(np.uint8)])
    tiff("lab.tif", WIDTH, 8, [8, 8, 8], samples.tobytes())
    samples = np.dstack([np.round(lab[..., 0] * 655.35).astype("<u2"), np.round(lab[..., 1:] * 256).astype("<i2").view("<u2")])
    tiff("lab-16.tif", WIDTH, 8, [16, 16, 16], samples.tobytes())


def small_frame(image):
    """A GIF with a frame of only the inner pixels, and a background that is not white."""
    image.crop((8, 6, 32, 24)).quantize(16).save(IMAGES / "small-frame.gif")
    file = bytearray((IMAGES / "small-frame.gif").read_bytes())
    file[6:10] = struct.pack("<HH", WIDTH, HEIGHT)
    descriptor = 13 + (3 << ((file[10] & 7) + 1))
    assert file[descriptor] == 0x2C
    file[descriptor + 1:descriptor + 5] = struct.pack("<HH", 8, 6)
    (IMAGES / "small-frame.gif").write_bytes(file)


def main():
    IMAGES.mkdir(exist_ok=True)
    rgb = picture()
    upright = Image.fromarray(rgb)
    grey = upright.convert("L")
    jpeg = dict(quality=95, subsampling=0)

    for orientation, lay in LAY.items():
        image = Image.fromarray(np.ascontiguousarray(lay(rgb)))
        image.save(IMAGES / f"orientation-{orientation}.jpg", exif=exif(orientation), **jpeg)
    upright.save(IMAGES / "progressive.jpg", progressive=True, **jpeg)
    upright.convert("CMYK").save(IMAGES / "cmyk.jpg", **jpeg)
    grey.save(IMAGES / "grey.jpg", quality=95)

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    srgb = srgb[:24] + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + srgb[36:]  # the time of making, or no two runs agree
    upright.save(IMAGES / "srgb-profile.jpg", icc_profile=srgb, **jpeg)
    # The same profile with red and blue changed over: a reader that ignores profiles shows the wrong colours.
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    Image.fromarray(rgb[:, :, ::-1].copy()).save(IMAGES / "swapped-profile.jpg", icc_profile=swapped, **jpeg)
    upright.save(IMAGES / "broken-profile.png", icc_profile=b"not a profile")

    upright.save(IMAGES / "rgb.png")
    cv2.imwrite(str(IMAGES / "rgb16.png"), rgb[:, :, ::-1].astype(np.uint16) * 257)
    cv2.imwrite(str(IMAGES / "grey16.png"), np.asarray(grey).astype(np.uint16) * 257)
    Image.merge("LA", (grey, Image.fromarray(alpha()))).save(IMAGES / "grey-alpha.png")
    Image.fromarray(np.dstack((rgb, alpha()))).save(IMAGES / "rgba.png")
    upright.quantize(16, dither=Image.Dither.NONE).save(IMAGES / "palette.png")
    grey.point(lambda v: 255 * (v >= 128)).convert("1").save(IMAGES / "one-bit.png")
    (IMAGES / "huge.png").write_bytes(huge_png())

    # Two frames, of which only the first is the picture.
    inverse = Image.fromarray(255 - rgb)
    upright.quantize(16).save(IMAGES / "animated.gif", save_all=True, append_images=[inverse.quantize(16)], duration=100)
    upright.save(IMAGES / "animated.webp", save_all=True, append_images=[inverse], duration=100, lossless=True)
    upright.save(IMAGES / "two-pages.tif", save_all=True, append_images=[inverse], compression="tiff_lzw")
    avif("sequence.avif", upright, inverse)
    upright.save(IMAGES / "rgb.bmp")

    avif("premultiplied.avif", Image.fromarray(np.dstack((rgb, alpha()))), options=["--premultiply"])
    small_frame(upright)
    indexed_tiffs(upright)
    lab_tiffs(rgb)


if __name__ == "__main__":
    main()

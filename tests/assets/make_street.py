#!/usr/bin/env python3
"""Renders street.jpg: a street through a windscreen that owes nothing to any data set. Needs Pillow, numpy and OpenCV.

The ground is ray-cast, façades are textured quads; what stands in the street is in street_things.py. Seeded: with the same
versions of the three libraries every run writes the same file.
"""
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from street_renderer import CAMERA, CX, CY, FOCAL, HAZE, HEIGHT, KERB, SUPER, WIDTH, canvas, noise, quad, rgb, rng
from street_things import car, cyclist, plant, post, tree, walker

LEFT_KERB, RIGHT_KERB, CENTRE, LEFT_WALL, RIGHT_WALL = -2.7, 5.9, 1.6, -5.9, 9.0


def draw_sky():
    h, w = canvas.shape[:2]
    v = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    cloud = noise(h, w, 700, 6) * 0.5 + noise(h // 4, w, 500, 5).repeat(4, 0)[:h] * 0.5
    canvas[:] = rgb(236, 240, 246) + (rgb(254, 254, 252) - rgb(236, 240, 246)) * np.clip(v * 2, 0, 1) + cloud[..., None] * rgb(13, 11, 8)


def draw_ground(shadows):
    """Casts a ray per pixel on the road and on the pavements, KERB metres higher; paint and joints are antialiased by footprint."""
    top = int(CY + FOCAL * CAMERA / 220)
    v, u = np.mgrid[top:canvas.shape[0], 0:canvas.shape[1]].astype(np.float32)
    down, across = (v - CY) / FOCAL, (u - CX) / FOCAL
    z, z_up = CAMERA / down, (CAMERA - KERB) / down
    x, x_up = across * z, across * z_up
    paved = (x_up < LEFT_KERB) | (x_up > RIGHT_KERB)
    face = ~paved & ((x < LEFT_KERB) | (x > RIGHT_KERB))
    gx, gz = np.where(paved, x_up, x), np.where(paved, z_up, z)
    wide, deep = gz / FOCAL * 1.5, gz**2 / FOCAL / CAMERA * 1.2

    def grain(cell, sx=1.0, sz=1.0):
        """Soft noise with cells of sx by sz times `cell` metres, gone where a pixel holds many of them."""
        board = cv2.GaussianBlur(np.tile(rng.normal(0, 1, (512, 512)).astype(np.float32), (2, 2)), (0, 0), 0.8)[256:768, 256:768]
        seen = np.clip(2 * cell * np.minimum(sx / wide, sz / deep) / 3, 0, 1)
        return seen * cv2.remap(board, gx / cell / sx + 8000, gz / cell / sz, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP) / board.std()

    def line(value, centre, width, soft):
        return np.clip((width / 2 - np.abs(value - centre)) / soft + 0.5, 0, 1) * np.minimum(1, width / soft)

    rough = 0.06 * grain(0.012) + 0.022 * grain(0.035) + 0.010 * grain(0.15) + 0.012 * grain(0.7) + 0.012 * grain(1.6, 1, 4) + 0.014 * grain(0.6, 1, 25)
    wear = sum(line(gx, c, 0.55, 0.5) for c in (-0.95, 0.75, 2.9, 4.6))
    tone = 0.375 + rough * 0.75 - 0.018 * wear - 0.05 * np.exp(-np.abs(gx - LEFT_KERB) / 0.35)
    patch = ((np.abs(gx - 0.5) < 0.9 + 0.05 * np.sin(gz * 7)) & (gz > 9.4) & (gz < 13.1)) | ((np.abs(gx - 3.9) < 0.6) & (gz > 6.5) & (gz < 9.2))
    tone -= 0.045 * patch
    crack = line(gx + 0.06 * np.sin(gz * 2.3) + 0.04 * np.sin(gz * 7.1), 3.15, 0.03, wide + 0.01)
    road = (tone * (1 - 0.35 * crack))[..., None] * rgb(250, 252, 258)
    worn = np.clip(0.86 + 0.35 * grain(0.25) - 0.12 * np.abs(grain(0.05)), 0.25, 1)
    dash = line(np.mod(gz + 2.2, 6.0), 2.0, 4.0, np.minimum(deep, 6))
    white = np.maximum(line(gx, CENTRE, 0.13, wide) * dash, 0)
    yellow = np.maximum(line(gx, LEFT_KERB + 0.30, 0.085, wide), line(gx, LEFT_KERB + 0.50, 0.085, wide)) * 0.8
    bay = line(gx, RIGHT_KERB - 2.25, 0.09, wide) * line(np.mod(gz, 1.4), 0.5, 0.9, np.minimum(deep, 1.4))
    for cover, tint in ((np.maximum(white, bay * 0.7), rgb(222, 222, 218)), (yellow, rgb(196, 172, 92))):
        road += (tint - road) * (cover * worn)[..., None]
    drain = line(gx, LEFT_KERB + 0.27, 0.42, wide) * line(gz, 8.3, 0.45, deep)
    road *= 1 - (drain * (0.5 + 0.3 * np.sign(np.sin(gx * 90))))[..., None]
    hole = np.clip((0.33 - np.hypot(gx - 2.9, gz - 10.5)) / 0.05, 0, 1)
    road *= 1 - 0.3 * hole[..., None]

    slab = noise(256, 256, 1.0, 1)[np.mod(np.floor(gz / 0.6), 256).astype(int), np.mod(np.floor(gx / 0.9 + 0.5 * np.mod(np.floor(gz / 0.6), 2)), 256).astype(int)]
    joint = np.maximum(line(np.mod(gz, 0.6), 0.3, 0.016, deep), line(np.mod(gx + 0.45 * np.mod(np.floor(gz / 0.6), 2), 0.9), 0.45, 0.014, wide))
    inward = np.minimum(np.abs(gx - LEFT_KERB), np.abs(gx - RIGHT_KERB))
    stone = inward < 0.15
    joint = np.where(stone, line(np.mod(gz, 0.9), 0.45, 0.02, deep), joint) + line(inward, 0.15, 0.02, wide)
    tone = np.where(stone, 0.56, 0.475) + rough * 0.9 + 0.025 * slab * np.clip(0.4 / deep, 0, 1) - 0.15 * np.clip(joint, 0, 1)
    wall = np.minimum(np.abs(gx - LEFT_WALL), np.abs(gx - RIGHT_WALL))
    pavement = (tone * (1 - 0.35 * np.exp(-wall / 0.5)))[..., None] * rgb(255, 250, 243)
    ground = np.where(paved[..., None], pavement, np.where(face[..., None], rgb(98, 96, 93) + 0.5 * rough[..., None], road))
    for sx, sz, half_x, half_z, dark in shadows:
        away = np.hypot(np.maximum(np.abs(gx - sx) - half_x, 0), 0.8 * np.maximum(np.abs(gz - sz) - half_z, 0))
        ground *= 1 - (dark * (0.55 * np.exp(-(away / 0.16)**2) + 0.45 * np.exp(-away / 0.45)))[..., None]
    clear = np.exp(-gz / 260)[..., None]
    canvas[top:] = ground * clear + HAZE * (1 - clear)


WALLS = {"red": rgb(128, 78, 60), "yellow": rgb(150, 128, 100), "stone": rgb(150, 142, 126), "stucco": rgb(178, 172, 158), "brown": rgb(104, 70, 56)}


def facade(width, height, wall, shop, scale=44):
    """The texture of one house front: courses of brick, sashes in their reveals, at the ground a shop or a door and a bay."""
    h, w = int(height * scale), int(width * scale)
    y, x = np.mgrid[0:h, 0:w] / np.float32(scale)
    art = np.broadcast_to(WALLS[wall], (h, w, 3)).copy()
    if wall != "stucco":
        length, course = (0.225, 0.075) if wall != "stone" else (0.7, 0.34)
        row = np.floor(y / course).astype(int)
        column = np.floor(x / length + 0.5 * (row % 2)).astype(int)
        tint = rng.normal(0, 1, (row.max() + 1, column.max() + 1, 1)).astype(np.float32)[row, column]
        art *= 1 + 0.075 * tint
        mortar = (np.mod(y, course) < 0.014) | (np.mod(x + 0.5 * length * (row % 2), length) < 0.014)
        art = np.where(mortar[..., None], 0.7 * art + 0.3 * rgb(150, 145, 135), art)
    art *= 1 + 0.07 * noise(h, w, 90)[..., None] + 0.05 * noise(h, max(2, w // 8), 20).repeat(9, 1)[:, :w, None]

    def box(left, top, right, bottom, colour, grain=0.0):
        part = np.s_[max(0, int(top * scale)):int(bottom * scale), max(0, int(left * scale)):int(right * scale)]
        art[part] = colour
        if grain and art[part].size:
            art[part] += grain * noise(*art[part].shape[:2], 30)[..., None]

    def pane(left, top, right, bottom, bars=(1, 2), frame=rgb(205, 205, 200), lit=0.0):
        box(left - 0.10, top - 0.24, right + 0.10, top, rgb(152, 145, 132), 0.02)
        box(left, top, right, bottom, rgb(40, 38, 36))
        box(left + 0.05, top + 0.10, right - 0.05, bottom, frame * 0.9)
        glass = rgb(60, 66, 72) * rng.uniform(0.6, 1.45) + lit
        for i in range(bars[0]):
            for j in range(bars[1]):
                a, b = left + 0.1 + i * (right - left - 0.15) / bars[0], top + 0.16 + j * (bottom - top - 0.2) / bars[1]
                box(a, b, a + (right - left - 0.2) / bars[0] - 0.03, b + (bottom - top - 0.2) / bars[1] - 0.05, glass * rng.uniform(0.8, 1.25), 0.06)
        if rng.random() < 0.6:
            box(left + 0.1, top + 0.16, left + 0.1 + 0.22 * (right - left), bottom - 0.1, rgb(150, 146, 138), 0.03)
        box(left - 0.12, bottom, right + 0.12, bottom + 0.11, rgb(160, 154, 142), 0.02)
        box(left - 0.10, bottom + 0.11, right + 0.10, bottom + 0.17, art[min(h - 1, int((bottom + 0.2) * scale)), 0] * 0.6)

    count = max(2, round(width / 2.1))
    pitch = width / count
    storeys = int((height - 3.4) / 2.7)
    for s in range(storeys):
        for i in range(count):
            c, top = (i + 0.5) * pitch, 0.75 + s * (height - 3.7) / storeys
            pane(c - 0.5, top, c + 0.5, top + 1.55 - 0.15 * (s == 0))
    base = height - 3.1
    if shop:
        colour = rgb(*shop)
        box(0.15, base - 0.15, width - 0.15, base + 0.5, colour, 0.02)
        for i in range(int((width - 2) / 0.34)):
            if rng.random() < 0.8:
                box(1 + i * 0.34, base + 0.05, 1.2 + i * 0.34, base + 0.3, rgb(225, 220, 200))
        box(0.15, base + 0.5, width - 0.15, base + 0.62, rgb(25, 24, 22))
        box(0.15, base + 0.6, width - 0.15, height, colour * 0.7, 0.02)
        for i in range(count):
            pane(i * pitch + 0.3, base + 0.75, (i + 1) * pitch - 0.15, height - (0.12 if i == count // 2 else 0.55), (1 + (i != count // 2), 1), colour * 0.8, 0.03)
    else:
        for i in range(count):
            c = (i + 0.5) * pitch
            if i == count // 2:
                box(c - 0.6, base + 0.45, c + 0.6, height, rgb(170, 165, 152), 0.03)
                box(c - 0.47, base + 0.6, c + 0.47, height - 0.12, rgb(*((24, 36, 58), (92, 26, 28), (26, 52, 40), (30, 30, 32))[rng.integers(4)]), 0.02)
                box(c - 0.40, base + 0.66, c + 0.40, base + 0.95, rgb(70, 78, 84))
            else:
                pane(c - 0.62, base + 0.55, c + 0.62, height - 0.85, (2, 2))
    art[:int(0.28 * scale)] = rgb(172, 168, 158)
    art[int(0.28 * scale):int(0.5 * scale)] *= 0.55
    box(width - 0.2, 0.3, width - 0.1, height, rgb(38, 38, 38))
    art *= (0.80 + 0.20 * np.clip((height - y) / 2.5, 0, 1) - 0.12 * np.exp(-np.abs(y - 0.5) / 0.5))[..., None]
    return np.clip(art, 0, 1).astype(np.float32)


def house(side, near, width, height, wall, shop=None, light=1.0):
    """A house on one side of the street: its roof, chimney, front and the gable that looks at the camera."""
    x, far = (LEFT_WALL if side < 0 else RIGHT_WALL), near + width
    ridge, top = x + side * 4.0, height + 2.3
    slate = np.broadcast_to(rgb(78, 76, 80), (120, 300, 3)) * (1 + 0.16 * noise(120, 300, 12)[..., None])
    slate[::6] *= 0.75
    brick = facade(8.0, height, "brown" if wall == "stucco" else wall, None)[:, :40].repeat(9, 1)
    for z in (far - 0.9, near + 0.1):
        for a, b in (((z, ridge), (z, ridge + side)), ((z, ridge), (z + 0.8, ridge))):
            quad(brick[60:180, :60] * (0.8 if a[1] != b[1] else 1.0), [(a[1], top + 1.2, a[0]), (b[1], top + 1.2, b[0]), (b[1], top - 1, b[0]), (a[1], top - 1, a[0])])
    quad(slate * light, [(ridge, top, near), (ridge, top, far), (x, height, far), (x, height, near)])
    quad(facade(width, height, wall, shop) * light, [(x, height, near), (x, height, far), (x, 0, far), (x, 0, near)])
    gable = brick * (0.74 + 0.05 * noise(*brick.shape[:2], 80)[..., None])
    quad(gable, [(x, height, near), (x + side * 8, height, near), (x + side * 8, 0, near), (x, 0, near)])
    quad(gable[:100], [(ridge - side * 0.1, top, near), (ridge + side * 0.1, top, near), (x + side * 8, height, near), (x, height, near)])


def draw_scene():
    cars = [(-0.35, 15.5, 0.01, (96, 24, 28)), (2.85, 23, np.pi - 0.03, (30, 42, 66)), (4.95, 18.6, 0.0, (172, 176, 180)), (4.9, 24.4, np.pi, (28, 30, 33)),
            (4.95, 30.5, 0.0, (170, 168, 160)), (4.9, 37, 0.0, (110, 24, 24)), (-0.4, 46, 0.0, (60, 70, 84)), (3.0, 52, np.pi, (205, 205, 205)), (4.9, 50, 0.0, (70, 78, 80))]
    walkers = [(-4.35, 14.2, 0.1, (38, 40, 52), (44, 52, 72), 0.16), (-3.75, 15.1, 0.05, (120, 46, 44), (30, 30, 34), 0.12), (7.3, 16.2, np.pi, (60, 66, 58), (40, 42, 52), 0.14),
               (-4.6, 31, np.pi, (30, 30, 34), (60, 58, 56), 0.15), (7.4, 40, 0, (150, 140, 120), (40, 40, 44), 0.1)]
    bicycle = (-1.75, 11.6, 0.0)
    summer, round_top, thin = tree(8.6, 7.4, 9, 3), tree(7.2, 6.0, 10, 8), tree(9.6, 7.6, 4, 5)
    trees = [(round_top, -3.35, 27), (summer, -3.4, 44), (summer, 7.0, 31), (thin, 6.6, 21.5), (round_top, 7.0, 47), (round_top, -3.4, 62), (summer, 7.1, 64), (thin, -3.4, 84), (summer, 7, 84)]
    trees += [(t, x, z) for z, near in ((150, -12.5), (135, -14), (122, -10.4)) for x, t in zip(np.arange(near, 20, 4.4), (summer, round_top, thin, summer, round_top, summer, thin))]
    posts = [("lamp", -3.05, 24.5, 1), ("lamp", 6.25, 27.5, -1), ("lamp", -3.05, 52, 1), ("lamp", 6.25, 58, -1), ("warning", -3.0, 12.4, 1), ("limit", 6.2, 15.0, 1), ("lamp", -3.05, 80, 1)]
    shadows = [(x, z, 0.78, 1.95, 0.85) for x, z, *_ in cars] + [(x, z, 0.14, 0.16, 0.5) for x, z, *_ in walkers + [t[1:] for t in trees[:9]]]
    shadows += [(bicycle[0], bicycle[1], 0.05, 0.7, 0.6)] + [(x, z, 0.05, 0.05, 0.4) for _, x, z, _ in posts]
    draw_sky()
    draw_ground(shadows)
    left = [(7.0, 9.6, "red", (28, 60, 48)), (6.4, 8.6, "yellow", None), (7.5, 10.4, "stucco", (110, 30, 32)), (8.0, 9.2, "red", None), (7.0, 8.2, "stone", None), (9.0, 10.0, "brown", (40, 50, 90)), (8.0, 8.8, "yellow", None)]
    right = [(7.0, 8.8, "yellow", (40, 56, 110)), (6.6, 7.6, "stucco", (24, 26, 28)), (8.0, 9.0, "red", None), (7.2, 8.2, "stone", (120, 84, 30)), (8.4, 9.4, "yellow", None), (8.0, 7.8, "stucco", None), (9.0, 9.0, "red", None)]
    things = []
    for side, row, near in ((-1, left, 5.5), (1, right, 11.0)):
        for i in range(15):
            width, height, wall, shop = row[i % 7]
            things.append((near + width / 2 + 0.01, house, (side, near, width, height, wall, shop, 0.84 if side < 0 else 1.04)))
            near += width + (3.5 if i in (3, 8) else 0)
    things += [(z, car, (x, z, yaw, rgb(*paint))) for x, z, yaw, paint in cars]
    things += [(z, walker, (x, z, yaw, rgb(*coat), rgb(*trousers), stride)) for x, z, yaw, coat, trousers, stride in walkers]
    things += [(t[2], plant, t) for t in trees] + [(p[2], post, p) for p in posts] + [(bicycle[1], cyclist, bicycle)]
    for _, draw, arguments in sorted(things, key=lambda t: -t[0]):
        draw(*arguments)


def photograph():
    """What the lens and the sensor add: glare of the sky, softness, vignetting, a tone curve and noise."""
    image = canvas + 0.10 * (cv2.GaussianBlur(np.clip(canvas - 0.6, 0, 1), (0, 0), 30 * SUPER) + cv2.GaussianBlur(np.clip(canvas - 0.8, 0, 1), (0, 0), 4 * SUPER))
    image = cv2.resize(cv2.GaussianBlur(image, (0, 0), 0.6 * SUPER), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[-1:1:HEIGHT * 1j, -1:1:WIDTH * 1j]
    image = image * (1 - 0.11 * (x**2 + y**2))[..., None] * np.float32([0.985, 1.0, 1.02])
    image = np.clip(image, 0, 1.1)
    image = image * 0.75 + 0.25 * (3 * image**2 - 2 * image**3).clip(0, 1)
    sensor = rng.normal(0, 0.017, image.shape) * 0.5 + rng.normal(0, 0.017, image.shape[:2] + (1,))
    image = image * 1.03 + cv2.GaussianBlur(sensor.astype(np.float32), (0, 0), 0.6) * (1.3 - image)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    draw_scene()
    Image.fromarray(photograph()).save(Path(__file__).with_name("street.jpg"), quality=92)

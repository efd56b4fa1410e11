"""What stands in the street of make_street.py: cars, people and a bicycle as distance fields, trees and posts as sprites."""
import cv2
import numpy as np

from street_renderer import KERB, march, noise, rgb, sprite, step


def smooth_max(a, b, k):
    h = np.clip(0.5 + 0.5 * (a - b) / k, 0, 1)
    return b + (a - b) * h + k * h * (1 - h)


def car_parts(p):
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    body = x - 0.87 + 0.25 * (y - 0.62)**2 + 0.02 * z**4 / 12
    for plane in ((z - 2.02) * 0.97 + (y - 0.5) * 0.22, (-z - 2.05) * 0.98 + (y - 0.5) * 0.10, y - 0.96 + 0.13 * (z - 0.7).clip(0), 0.24 - y):
        body = smooth_max(body, plane, 0.14)
    screen, back, side = (z - 1.30) * 0.62 + (y - 0.93) * 0.78, (-z - 1.95) * 0.93 + (y - 0.93) * 0.36, (x - 0.80) * 0.94 + (y - 0.93) * 0.30
    cabin = smooth_max(y - 1.47 + 0.03 * (z + 0.4)**2 + 0.05 * x**2, 0.7 - y, 0.1)
    for plane in (screen, back, side):
        cabin = smooth_max(cabin, plane, 0.12)
    axle = np.hypot(np.abs(z) - 1.28, y - 0.31)
    shell = np.maximum(-smooth_max(-body, -cabin, 0.06), -np.maximum(axle - 0.37, 0.58 - x))
    wheel = np.maximum(axle - 0.31, np.abs(x - 0.72) - 0.11)
    return shell, wheel, axle, body, cabin, screen, back, side


def car(x, z, yaw, paint):
    def shade(p, n, view):
        shell, wheel, axle, body, cabin, screen, back, side = car_parts(p)
        ax, y, rear = np.abs(p[:, 0]), p[:, 1], p[:, 2] < 0
        mirror = view - 2 * (view * n).sum(1, keepdims=True) * n
        sky = step(0.38, mirror[:, 1] + 0.05 * np.sin(9 * p[:, 0] + 4 * p[:, 2]), 0.3)[:, None] * rgb(225, 230, 238)
        sky += step(-0.05, mirror[:, 1], 0.3)[:, None] * rgb(22, 20, 18) + rgb(18, 18, 19)
        facing = np.abs((view * n).sum(1, keepdims=True))
        shine = 0.05 + 0.95 * (1 - facing)**4
        light = (0.30 + 0.62 * (0.5 + 0.5 * n[:, 1:2])**1.5) * np.clip(0.35 + y / 0.8, 0, 1)[:, None]
        colour = paint * light * 1.15 + (0.10 + 0.6 * shine) * sky
        lower = ((y < 0.36) | (np.abs(y - 0.66) < 0.025))[:, None]
        colour = np.where(lower, 0.35 * colour, colour)
        seam = (ax > 0.7) & (np.abs(np.abs(p[:, 2] + 0.28) - 0.55) < 0.012) & (y < 0.95)
        colour = np.where(seam[:, None], 0.3 * colour, colour)
        end = np.abs(n[:, 2]) > 0.45
        flank = ~end & (np.abs(n[:, 0]) > 0.6)
        pane = (y > 0.99) & (y < 1.37) & (cabin < 0.02)
        glass = pane & ((end & (side < -0.10)) | (flank & (screen < -0.09) & (back < -0.12) & (np.abs(p[:, 2] + 0.3) > 0.045)))
        seat = (np.abs(ax - 0.36) < 0.16) & (y < 1.22) & end
        colour = np.where(glass[:, None], rgb(30, 34, 37) * np.where(seat, 0.5, 1.0)[:, None] + (0.22 + 0.7 * shine) * sky, colour)
        lamp = (np.abs(p[:, 2]) > 1.7) & (ax > 0.58) & (y > 0.68) & (y < 0.90)
        glow = np.where((y > 0.83)[:, None], rgb(190, 90, 40), rgb(165, 22, 20)) + 0.3 * sky
        colour = np.where((lamp & rear)[:, None], glow, np.where((lamp & ~rear)[:, None], rgb(190, 195, 200) * (0.55 + 0.5 * n[:, 1:2]), colour))
        plate = end & (ax < 0.26) & (np.abs(y - 0.55) < 0.058)
        ink = (np.abs(y - 0.55) < 0.036) & (np.sin(ax * 70) > 0.1) & (ax < 0.23)
        tone = np.where(rear[:, None], rgb(205, 165, 40), rgb(205, 208, 205)) * np.where(ink, 0.2, 0.85)[:, None]
        colour = np.where(plate[:, None], tone, colour)
        grille = end & ~rear & (ax < 0.5) & (np.abs(y - 0.74) < 0.06)
        colour = np.where(grille[:, None], rgb(22, 22, 24), colour)
        hub = (axle < 0.2) & (np.cos(5 * np.arctan2(y - 0.31, np.abs(p[:, 2]) - 1.28)) > -0.3)
        tyre = np.where(hub[:, None], rgb(125, 128, 132), rgb(24, 24, 25)) * (0.6 + 0.5 * n[:, 1:2])
        return np.where((wheel < shell)[:, None], tyre, colour)
    march((x, 0, z), yaw, (0.95, 1.55, 2.15), lambda p: np.minimum(*car_parts(p)[:2]), shade)


def figure(x, y, z, yaw, capsules, wheels=()):
    """Capsules (from, to, radius, colour) and, for a bicycle, wheels (y, z, radius) that stand in the plane x = 0."""
    def distances(p):
        rows = []
        for a, b, radius, _ in capsules:
            a, b = np.float32(a), np.float32(b)
            h = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            rows.append(np.linalg.norm(p - a - h[:, None] * (b - a), axis=1) - radius)
        return rows + [np.hypot(np.hypot(p[:, 1] - cy, p[:, 2] - cz) - r, p[:, 0]) - 0.02 for cy, cz, r in wheels]

    def shade(p, n, view):
        tints = np.array([c[3] for c in capsules] + [rgb(20, 20, 22)] * len(wheels))
        fold = 1 + 0.12 * np.sin(31 * p[:, 1:2] + 9 * np.sin(17 * p[:, :1]))
        return tints[np.argmin(distances(p), 0)] * (0.34 + 0.72 * (0.5 + 0.5 * n[:, 1:2])) * fold
    march((x, y, z), yaw, (0.5, 1.95, 1.0), lambda p: np.min(distances(p), 0), shade)


def walker(x, z, yaw, coat, trousers, stride):
    skin, hair, dark = rgb(176, 132, 110), rgb(48, 36, 28), rgb(25, 24, 24)
    figure(x, KERB, z, yaw, [
        ((0, 1.02, 0), (0, 1.32, 0.02), 0.17, coat), ((-0.1, 1.38, 0), (0.1, 1.38, 0), 0.10, coat), ((0, 0.86, 0), (0, 1.0, 0), 0.165, coat),
        ((0, 1.45, 0.02), (0, 1.56, 0.03), 0.055, skin), ((0, 1.63, 0.05), (0, 1.66, 0.05), 0.095, skin), ((0, 1.67, 0.0), (0, 1.70, 0.02), 0.105, hair),
        ((-0.09, 0.85, 0), (-0.1, 0.46, stride), 0.085, trousers), ((-0.1, 0.46, stride), (-0.1, 0.08, stride * 1.2), 0.062, trousers),
        ((0.09, 0.85, 0), (0.1, 0.46, -stride * 0.6), 0.085, trousers), ((0.1, 0.46, -stride * 0.6), (0.1, 0.1, -stride * 2), 0.062, trousers),
        ((-0.1, 0.05, stride * 1.2), (-0.1, 0.04, stride * 1.2 + 0.17), 0.05, dark), ((0.1, 0.06, -stride * 2), (0.1, 0.04, -stride * 2 + 0.15), 0.05, dark),
        ((-0.22, 1.36, 0), (-0.26, 1.08, -stride * 0.5), 0.06, coat), ((-0.26, 1.08, -stride * 0.5), (-0.24, 0.84, 0), 0.05, coat),
        ((0.22, 1.36, 0), (0.26, 1.08, stride * 0.3), 0.06, coat), ((0.26, 1.08, stride * 0.3), (0.25, 0.86, stride), 0.05, coat),
        ((0.29, 0.75, stride), (0.29, 0.60, stride), 0.09, rgb(70, 50, 40))])


def cyclist(x, z, yaw):
    jacket, legs, skin, steel = rgb(52, 62, 92), rgb(34, 34, 40), rgb(176, 132, 110), rgb(60, 64, 68)
    figure(x, 0, z, yaw, [
        ((0, 1.02, -0.16), (0, 1.36, 0.12), 0.165, jacket), ((-0.12, 1.40, 0.14), (0.12, 1.40, 0.14), 0.09, jacket), ((0, 0.98, -0.2), (0, 1.0, -0.18), 0.16, legs),
        ((0, 1.52, 0.2), (0, 1.60, 0.24), 0.095, skin), ((0, 1.63, 0.19), (0, 1.66, 0.25), 0.115, rgb(150, 150, 155)), ((0, 1.2, -0.1), (0, 1.3, -0.02), 0.15, rgb(30, 30, 32)),
        ((-0.2, 1.38, 0.14), (-0.3, 1.14, 0.32), 0.055, jacket), ((-0.3, 1.14, 0.32), (-0.25, 1.02, 0.55), 0.045, jacket),
        ((0.2, 1.38, 0.14), (0.3, 1.14, 0.32), 0.055, jacket), ((0.3, 1.14, 0.32), (0.25, 1.02, 0.55), 0.045, jacket),
        ((-0.1, 0.95, -0.15), (-0.13, 0.72, 0.25), 0.085, legs), ((-0.13, 0.72, 0.25), (-0.12, 0.40, 0.1), 0.06, legs), ((-0.12, 0.36, 0.1), (-0.12, 0.35, 0.25), 0.045, skin),
        ((0.1, 0.95, -0.15), (0.12, 0.58, 0.16), 0.085, legs), ((0.12, 0.58, 0.16), (0.12, 0.2, 0.0), 0.06, legs), ((0.12, 0.15, 0.0), (0.12, 0.14, 0.15), 0.045, rgb(190, 190, 190)),
        ((0, 0.3, 0.05), (0, 0.9, -0.2), 0.02, steel), ((0, 0.3, 0.05), (0, 0.85, 0.45), 0.02, steel), ((0, 0.34, 0.58), (0, 1.0, 0.45), 0.02, steel),
        ((0, 0.34, -0.5), (0, 0.3, 0.05), 0.02, steel), ((0, 0.34, -0.5), (0, 0.85, -0.18), 0.02, steel), ((-0.26, 1.0, 0.52), (0.26, 1.0, 0.52), 0.018, steel),
        ((0, 0.72, -0.36), (0, 0.75, -0.36), 0.035, rgb(190, 20, 20))], ((0.34, -0.5, 0.32), (0.34, 0.58, 0.32)))


def tree(height, spread, leafage, seed):
    """Colour, coverage and scale of a broadleaf: boughs that fork, then leaves in clumps, lit from above."""
    own, scale = np.random.default_rng(seed), 100
    h, w = int(height * scale), int(spread * scale)
    colour, alpha = np.tile(rgb(60, 52, 44), (h, w, 1)).astype(np.float32), np.zeros((h, w), np.uint8)
    boughs = []

    def grow(x, y, angle, length, thick):
        boughs.append((x, y, x + length * np.sin(angle), y + length * np.cos(angle), thick))
        if thick > 0.009:
            for _ in range(2 + (own.random() < 0.6)):
                grow(x + length * np.sin(angle), y + length * np.cos(angle),
                     angle * 0.85 + own.normal(0, 0.55), length * own.uniform(0.66, 0.88), thick * own.uniform(0.55, 0.76))
    grow(0, 0, 0.02, 1.0, 0.11)
    boughs = np.array(boughs)
    boughs[:, [0, 2]] *= 0.40 * w / np.abs(boughs[:, 2]).max()
    boughs[:, [1, 3]] *= 0.90 * h / boughs[:, 3].max()
    boughs[:, [0, 2]] += w / 2
    boughs[:, [1, 3]] = h - boughs[:, [1, 3]]
    for x, y, x2, y2, thick in boughs:
        cv2.line(alpha, (int(x * 16), int(y * 16)), (int(x2 * 16), int(y2 * 16)), 255, max(1, int(thick * 0.3 * h)), cv2.LINE_AA, 4)
    shade = noise(h, w, 40)[..., None]
    colour *= 1 + 0.25 * shade
    leaves = boughs[boughs[:, 4] < 0.03, 2:4].repeat(leafage, 0)
    leaves = own.permutation(leaves + 0.032 * h * np.clip(own.normal(0, 1, leaves.shape), -1.8, 1.8))
    high, low = leaves[:, 1].min(), leaves[:, 1].max()
    clump = noise(h, w, 0.12 * h, 3)
    for i, (x, y) in enumerate(leaves):
        inside = clump[int(np.clip(y, 0, h - 1)), int(np.clip(x, 0, w - 1))]
        bright = 0.42 + 0.5 * i / len(leaves) + 0.34 * inside - 0.34 * (y - high) / (low - high) + own.normal(0, 0.1)
        leaf = (x, y), tuple(own.uniform((4, 2.5), (11, 6.5))), own.uniform(0, 180)
        cv2.ellipse(colour, leaf, (rgb(*own.normal((92, 104, 54), (7, 6, 7))) * max(0.2, bright)).tolist(), -1)
        cv2.ellipse(alpha, leaf, 255, -1, cv2.LINE_AA)
    return np.clip(colour, 0, 1), alpha.astype(np.float32) / 255, scale


def post(kind, x, z, side=1):
    """A lamp post ("lamp"), a speed limit ("limit") or a warning ("warning")."""
    scale = 100
    h, w = int((8.2 if kind == "lamp" else 2.9) * scale), 320
    colour, alpha = np.tile(rgb(92, 96, 96), (h, w, 1)).astype(np.float32), np.zeros((h, w), np.uint8)
    half = 8 if kind == "lamp" else 4
    cv2.rectangle(alpha, (160 - half, 30), (160 + half, h), 255, -1)
    colour *= (0.55 + 0.6 * np.exp(-((np.arange(w) - 157) / half)**2))[None, :, None]
    if kind == "lamp":
        cv2.rectangle(alpha, (148, h - 130), (172, h), 255, -1)
        cv2.ellipse(alpha, (160 + side * 70, 34), (72, 26), 0, 180, 360, 255, 9, cv2.LINE_AA)
        cv2.ellipse(alpha, (160 + side * 120, 32), (34, 10), 0, 0, 360, 255, -1, cv2.LINE_AA)
    elif kind == "limit":
        for radius, tint in ((37, (205, 205, 203)), (35, (176, 28, 34)), (26, (214, 214, 212))):
            cv2.circle(colour, (160, 50), radius, rgb(*tint).tolist(), -1, cv2.LINE_AA)
        cv2.circle(alpha, (160, 50), 37, 255, -1, cv2.LINE_AA)
        cv2.putText(colour, "30", (139, 62), cv2.FONT_HERSHEY_SIMPLEX, 1.05, (0.08, 0.08, 0.08), 4, cv2.LINE_AA)
    else:
        for size, tint in ((40, (176, 28, 34)), (26, (214, 214, 212))):
            corners = np.int32([(160, 62 - size * 1.1), (160 - size, 62 + size * 0.65), (160 + size, 62 + size * 0.65)])
            cv2.fillPoly(colour, [corners], rgb(*tint).tolist(), cv2.LINE_AA)
            cv2.fillPoly(alpha, [corners], 255, cv2.LINE_AA)
        cv2.line(colour, (160, 48), (160, 72), (0.08, 0.08, 0.08), 6, cv2.LINE_AA)
    sprite(colour, alpha.astype(np.float32) / 255, scale, x, z, 160)


def plant(kind, x, z):
    colour, alpha, scale = kind
    sprite(colour, alpha, scale, x, z, alpha.shape[1] / 2)

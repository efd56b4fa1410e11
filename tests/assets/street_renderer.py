"""The small software renderer of make_street.py: quads, sprites and sphere-traced distance fields, laid over one canvas.

World: x to the right, y up, z ahead, in metres; the camera stands CAMERA metres above the road at the origin. Everything is
drawn far to near at SUPER times the picture's size; colours are display values, 0 to 1.
"""
import cv2
import numpy as np

WIDTH, HEIGHT, SUPER = 960, 720, 2
FOCAL, CX, CY, CAMERA = 1000.0 * SUPER, 470.0 * SUPER, 318.0 * SUPER, 1.45
KERB = 0.12
HAZE = np.array([0.80, 0.83, 0.86], np.float32)
rng = np.random.default_rng(20)
canvas = np.empty((HEIGHT * SUPER, WIDTH * SUPER, 3), np.float32)


def rgb(*values):
    return np.array(values, np.float32) / 255


def noise(height, width, cell, octaves=4):
    """Value noise of mean 0 and about ±1; the coarsest octave has cells of `cell` pixels."""
    total = np.zeros((height, width), np.float32)
    for i in range(octaves):
        size = max(2, int(width * 2**i / cell) + 2), max(2, int(height * 2**i / cell) + 2)
        total += cv2.resize(rng.uniform(-1, 1, size[::-1]).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) / 1.6**i
    return total / 1.4


def step(edge, value, width):
    return np.clip((value - edge) / width + 0.5, 0, 1)


def project(point):
    x, y, z = point
    return CX + FOCAL * x / z, CY - FOCAL * (y - CAMERA) / z


def blend(x, y, colour, alpha, distance):
    """Lays a patch over the canvas at (x, y), seen through `distance` metres of air."""
    height, width = alpha.shape
    top, left, bottom, right = max(y, 0), max(x, 0), min(y + height, canvas.shape[0]), min(x + width, canvas.shape[1])
    if top >= bottom or left >= right:
        return
    part = np.s_[top - y:bottom - y, left - x:right - x]
    clear = np.exp(-distance / 260)
    a = alpha[part][..., None]
    canvas[top:bottom, left:right] = canvas[top:bottom, left:right] * (1 - a) + (colour[part] * clear + HAZE * (1 - clear)) * a


def quad(texture, corners):
    """A texture on a plane: corners top left, top right, bottom right, bottom left."""
    points = np.array([project(c) for c in corners], np.float32)
    low = np.maximum(np.floor(points.min(0)), 0).astype(int)
    high = np.minimum(np.ceil(points.max(0)), [canvas.shape[1], canvas.shape[0]]).astype(int)
    if (high <= low).any():
        return
    want = np.ceil(points.max(0) - points.min(0)).astype(int) + 2
    texture = cv2.resize(texture, tuple(int(v) for v in np.clip(want, 2, texture.shape[1::-1])), interpolation=cv2.INTER_AREA)
    h, w = texture.shape[:2]
    matrix = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), points - low.astype(np.float32))
    size = tuple(int(v) for v in high - low)
    colour = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(np.ones((h, w), np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    blend(low[0], low[1], colour, alpha, np.mean([c[2] for c in corners]))


def sprite(colour, alpha, scale, x, z, anchor):
    """A flat picture facing the camera, `scale` pixels to the metre, its pixel column `anchor` standing on the pavement at x, z."""
    factor = FOCAL / z / scale
    size = max(1, round(alpha.shape[1] * factor)), max(1, round(alpha.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(alpha, size, interpolation=how)
    tint = cv2.resize(colour * alpha[..., None], size, interpolation=how) / np.maximum(small, 1e-3)[..., None]
    u, v = project((x, KERB, z))
    blend(round(u - anchor * factor), round(v) - size[1], tint, small, z)


def march(at, yaw, half, sdf, shade):
    """Sphere-traces an object whose box has half width and length half[0], half[2] and the height half[1]."""
    c, s = np.cos(yaw), np.sin(yaw)
    corners = [(at[0] + a * c + b * s, at[1] + y, at[2] - a * s + b * c) for a in (-half[0], half[0]) for b in (-half[2], half[2]) for y in (0, half[1])]
    points = np.array([project(p) for p in corners])
    near, far = min(p[2] for p in corners), max(p[2] for p in corners)
    low = np.maximum(np.floor(points.min(0)), 0).astype(int)
    high = np.minimum(np.ceil(points.max(0)), [canvas.shape[1], canvas.shape[0]]).astype(int)
    v, u = np.mgrid[low[1]:high[1], low[0]:high[0]].astype(np.float32)
    ray = np.stack([(u - CX) / FOCAL, -(v - CY) / FOCAL, np.ones_like(u)], -1).reshape(-1, 3)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
    ray, start = ray @ turn, (np.float32([0, CAMERA, 0]) - np.float32(at)) @ turn
    t = np.full(len(ray), near, np.float32)
    hit, active = np.zeros(len(ray), bool), np.arange(len(ray))
    for _ in range(70):
        d = sdf(start + ray[active] * t[active, None])
        t[active] += d * 0.9
        hit[active[d < 0.003]] = True
        active = active[(d >= 0.003) & (t[active] < far)]
    p = start + ray[hit] * t[hit, None]
    base = sdf(p)
    n = np.stack([sdf(p + 0.006 * e) - base for e in np.eye(3, dtype=np.float32)], -1)
    n /= np.linalg.norm(n, axis=1, keepdims=True) + 1e-9
    view = ray[hit] / np.linalg.norm(ray[hit], axis=1, keepdims=True)
    colour = np.zeros((len(ray), 3), np.float32)
    colour[hit] = shade(p, n, view)
    blend(low[0], low[1], colour.reshape(*u.shape, 3), hit.reshape(u.shape).astype(np.float32), at[2])

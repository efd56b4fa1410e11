"""Renders orthophotos: made-up landscapes from above at 0.5 m a pixel, as reflectance in red, green, blue and near infrared, with their exact labels.

Nothing here is measured. Spectra are round figures of the kind that textbooks give, chosen so that some materials look alike in colours and differ
in the infrared: artificial turf and meadow, green water and tree crowns, painted roofs and grass. The same seed gives the same scene.
"""
import numpy as np

CLASSES = ["water", "trees", "grass", "soil", "road", "building", "artificial turf"]
WATER, TREES, GRASS, SOIL, ROAD, BUILDING, TURF = range(7)
VOID = 255
METRES = 0.5

# Reflectance in red, green, blue, near infrared.
MATERIALS = {
    "clear water": (0.030, 0.045, 0.055, 0.012), "green water": (0.040, 0.068, 0.036, 0.022),
    "broadleaf": (0.034, 0.062, 0.030, 0.36), "conifer": (0.024, 0.043, 0.026, 0.24),
    "meadow": (0.060, 0.105, 0.050, 0.42), "crop": (0.075, 0.120, 0.060, 0.48), "dry grass": (0.140, 0.150, 0.090, 0.30),
    "loam": (0.170, 0.130, 0.095, 0.25), "sand": (0.280, 0.240, 0.180, 0.36), "peat": (0.075, 0.062, 0.050, 0.12),
    "asphalt": (0.105, 0.105, 0.105, 0.13), "concrete": (0.240, 0.235, 0.220, 0.27),
    "tiles": (0.220, 0.110, 0.080, 0.27), "slate": (0.100, 0.105, 0.115, 0.12), "metal": (0.380, 0.390, 0.400, 0.42),
    "green paint": (0.058, 0.102, 0.060, 0.11), "turf": (0.060, 0.105, 0.050, 0.10), "white": (0.450, 0.450, 0.440, 0.45),
}
# Parcels of land: class, material, how often.
PARCELS = [
    (GRASS, "meadow", 4), (GRASS, "crop", 3), (GRASS, "dry grass", 2), (SOIL, "loam", 3), (SOIL, "sand", 1), (SOIL, "peat", 1),
    (TREES, "broadleaf", 3), (TREES, "conifer", 3),
]
ROOFS = ["tiles", "tiles", "slate", "metal", "green paint", "concrete"]

# Share of the light that comes from the sky, and light that haze adds, in the bands' order.
SKY = np.array([0.22, 0.27, 0.36, 0.13])
HAZE = np.array([0.006, 0.010, 0.018, 0.003])


def noise(rng, size, roughness):
    """A random surface of mean 0 and deviation 1; the larger its exponent, the smoother it is."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf
    surface = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * frequency ** -roughness, (size, size))
    return surface / surface.std()


def blurred(image, sigma):
    """A Gaussian blur of H×W×C along both axes, mirrored at the edges."""
    radius = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        pad = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
        wide, length = np.pad(image, pad, mode="reflect"), image.shape[axis]
        image = sum(k * np.take(wide, range(i, i + length), axis) for i, k in enumerate(kernel))
    return image


def shifted(surface, dx, dy):
    """The surface moved by whole pixels; what comes in is the ground."""
    height, width = surface.shape
    moved = np.zeros_like(surface)
    moved[max(dy, 0):height + min(dy, 0), max(dx, 0):width + min(dx, 0)] = surface[max(-dy, 0):height + min(-dy, 0), max(-dx, 0):width + min(-dx, 0)]
    return moved


class Scene:
    """A landscape under construction: labels, reflectance and height in metres, each H×W, painted one over the other."""

    def __init__(self, seed, size):
        self.rng, self.size = np.random.default_rng(seed), size
        self.y, self.x = np.mgrid[:size, :size].astype(float)
        self.labels = np.full((size, size), GRASS, np.uint8)
        self.reflectance, self.height = np.zeros((size, size, 4)), np.zeros((size, size))
        self.roads = []

    def spectrum(self, material):
        """A material as it is at one place: brightness varies by an eighth, each band by a twentieth."""
        return np.array(MATERIALS[material]) * np.exp(self.rng.normal(0, 0.12) + self.rng.normal(0, 0.05, 4))

    def paint(self, where, label, material, texture=0.0):
        self.labels[where] = label
        self.reflectance[where] = (self.spectrum(material) * (1 + np.asarray(texture)[..., None]))[where] if np.ndim(texture) else self.spectrum(material)

    def along(self, angle, offset=0.0):
        """Coordinates (u along, v across) of all pixels in a system turned about the scene's centre."""
        x, y = self.x - self.size / 2, self.y - self.size / 2
        return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle) - offset

    def land(self):
        count, rng = int(self.rng.integers(7, 15)), self.rng
        warp = 6 * noise(rng, self.size, 2.0), 6 * noise(rng, self.size, 2.0)
        sites = rng.uniform(0, self.size, (count, 2))
        owner = np.argmin([(self.x + warp[0] - sx) ** 2 + (self.y + warp[1] - sy) ** 2 for sx, sy in sites], 0)
        share = np.array([p[2] for p in PARCELS], float)
        for parcel, kind in enumerate(rng.choice(len(PARCELS), count, p=share / share.sum())):
            label, material, _ = PARCELS[kind]
            rows = 0.07 * np.sin(2 * np.pi * self.along(rng.uniform(0, np.pi))[0] / rng.uniform(4, 9)) if material in ("crop", "loam") else 0
            self.paint(owner == parcel, label, material, 0.07 * noise(rng, self.size, 1.2) + rows)

    def water(self):
        rng = self.rng
        if rng.random() < 0.5:
            angle = rng.uniform(0, np.pi)
            u, v = self.along(angle, rng.uniform(-0.3, 0.3) * self.size)
            bend = rng.uniform(10, 45) * np.sin(u / rng.uniform(60, 140) + rng.uniform(0, 6)) + 4 * noise(rng, self.size, 2.0)
            where = np.abs(v + bend) < rng.uniform(12, 36)
        else:
            surface = noise(rng, self.size, 2.4)
            where = surface > np.quantile(surface, rng.uniform(0.8, 0.94))
        self.paint(where, WATER, rng.choice(["clear water", "green water", "green water"]), 0.05 * noise(rng, self.size, 1.6))

    def road(self):
        rng = self.rng
        angle, offset, width = rng.uniform(0, np.pi), rng.uniform(-0.35, 0.35) * self.size, rng.uniform(7, 16)
        bend, period, phase = rng.uniform(0, 18), rng.uniform(90, 200), rng.uniform(0, 6)
        u, v = self.along(angle, offset)
        v = v + bend * np.sin(u / period + phase)
        self.paint(np.abs(v) < width / 2, ROAD, rng.choice(["asphalt", "asphalt", "asphalt", "concrete"]), 0.05 * noise(rng, self.size, 0.8))
        if width > 11:
            self.paint((np.abs(v) < 0.6) & (u % 18 < 9), ROAD, "white")
        self.roads.append((angle, offset, width, bend, period, phase))

    def pitch(self):
        rng = self.rng
        u, v = self.along(rng.uniform(0, np.pi))
        u, v = u - rng.uniform(-0.35, 0.35) * self.size, v - rng.uniform(-0.35, 0.35) * self.size
        half = np.array([rng.uniform(32, 60), rng.uniform(22, 36)])
        inside = (np.abs(u) < half[0]) & (np.abs(v) < half[1])
        if np.isin(self.labels[inside], (ROAD, WATER)).any():
            return
        self.paint(inside, TURF, "turf", 0.06 * noise(rng, self.size, 1.2))
        edge = np.maximum(np.abs(u) - half[0] + 3, np.abs(v) - half[1] + 3)
        self.paint(inside & ((np.abs(edge) < 0.6) | (np.abs(u) < 0.6)), TURF, "white")

    def building(self):
        rng = self.rng
        angle, offset, width, bend, period, phase = self.roads[rng.integers(len(self.roads))]
        u, v = self.along(angle, offset)
        half = np.array([rng.uniform(9, 26), rng.uniform(7, 14)])
        at = rng.uniform(-0.65, 0.65) * self.size
        u, v = u - at, v + bend * np.sin(at / period + phase) - rng.choice([-1, 1]) * (width / 2 + half[1] + rng.uniform(5, 16))
        inside = (np.abs(u) < half[0]) & (np.abs(v) < half[1])
        around = (np.abs(u) < half[0] + 4) & (np.abs(v) < half[1] + 4)
        if not inside.any() or np.isin(self.labels[around], (ROAD, WATER, BUILDING, TURF)).any():
            return
        gable = rng.random() < 0.6
        self.paint(inside, BUILDING, rng.choice(ROOFS), 0.05 * noise(rng, self.size, 0.6))
        self.height[inside] = rng.uniform(4, 9) + (gable * rng.uniform(0.5, 0.9) * METRES * (half[1] - np.abs(v)))[inside]

    def crown(self, x, y, radius, material=None):
        """A tree: a dome of leaves. Without a material the crown stands in a wood and keeps its spectrum."""
        x0, x1, y0, y1 = (int(np.clip(v, 0, self.size)) for v in (x - radius, x + radius + 1, y - radius, y + radius + 1))
        window = np.s_[y0:y1, x0:x1]
        squared = 1 - ((self.x[window] - x) ** 2 + (self.y[window] - y) ** 2) / radius ** 2
        dome = np.where(squared > 0, 5 + 1.2 * radius * METRES * np.sqrt(np.maximum(squared, 0)), 0)
        taller = dome > self.height[window]
        self.height[window][taller] = dome[taller]
        if material:
            self.labels[window][taller] = TREES
            self.reflectance[window][taller] = self.spectrum(material)
        else:
            self.reflectance[window][taller] *= np.exp(self.rng.normal(0, 0.08))

    def trees(self):
        rng, step = self.rng, 9
        for y in np.arange(0, self.size, step):
            for x in np.arange(0, self.size, step):
                cx, cy = np.array([x, y]) + rng.uniform(0, step, 2)
                if self.labels[min(int(cy), self.size - 1), min(int(cx), self.size - 1)] == TREES:
                    self.crown(cx, cy, rng.uniform(5, 9))
        for _ in range(rng.integers(10, 50)):
            cx, cy, radius = *rng.uniform(0, self.size, 2), rng.uniform(4, 9)
            x0, y0 = max(0, int(cx - radius)), max(0, int(cy - radius))
            if np.isin(self.labels[y0:int(cy + radius) + 1, x0:int(cx + radius) + 1], (GRASS, SOIL)).all():
                self.crown(cx, cy, radius, rng.choice(["broadleaf", "broadleaf", "conifer"]))

    def light(self):
        """Sunlight and skylight on the surface: slopes, cast shadows, at times the shadow of a cloud. H×W×4."""
        rng = self.rng
        azimuth, slope = rng.uniform(0, 2 * np.pi), np.tan(np.deg2rad(rng.uniform(35, 60)))
        away = np.array([np.cos(azimuth), np.sin(azimuth)])
        dy, dx = np.gradient(self.height, METRES)
        # Steps between a roof and the ground are no slopes: limited.
        sun = np.clip(1 + (dx * away[0] + dy * away[1]) / slope, 0.45, 1.35)
        shadow = np.zeros(self.labels.shape, bool)
        for step in range(1, int(self.height.max() / slope / METRES) + 2):
            ray = np.rint(step * away).astype(int)
            shadow |= shifted(self.height, *ray) - np.hypot(*ray) * METRES * slope > self.height + 0.2
        sun = np.where(shadow, 0.0, sun)
        if rng.random() < 0.35:
            surface = noise(rng, self.size, 2.6)
            edge = np.quantile(surface, rng.uniform(0.6, 0.85))
            sun = sun * (1 - rng.uniform(0.4, 0.75) / (1 + np.exp(-(surface - edge) * 12)))
        return SKY + (1 - SKY) * sun[..., None]

    def photograph(self):
        """What the camera records: reflectance × 10,000, uint16, at least 1."""
        rng = self.rng
        ramp = 1 + rng.uniform(-0.08, 0.08) * (self.x / self.size - 0.5) + rng.uniform(-0.08, 0.08) * (self.y / self.size - 0.5)
        image = self.reflectance * self.light() * ramp[..., None] * rng.uniform(0.85, 1.15) + HAZE * rng.uniform(0, 1.5)
        image = blurred(image, 0.65)
        image += rng.standard_normal(image.shape) * (0.001 + 0.006 * np.sqrt(np.maximum(image, 0)))
        return np.clip(np.rint(image * 10000), 1, 10000).astype(np.uint16)

    def cut(self, image):
        """The edge of the flight: beyond a slanted line there are no data, 0 in all bands."""
        u, _ = self.along(self.rng.uniform(0, 2 * np.pi))
        outside = u > self.rng.uniform(0.3, 0.5) * self.size
        image[outside], self.labels[outside] = 0, VOID


def render(seed, size=512):
    """One scene: image (H×W×4 in red, green, blue, near infrared; reflectance × 10,000 as uint16, 0 = no data) and labels (H×W uint8, 255 = no data)."""
    scene = Scene(seed, size)
    scene.land()
    for draw, chance, most in ((scene.water, 0.75, 1), (scene.road, 1, 3), (scene.pitch, 0.9, 4)):
        if scene.rng.random() < chance:
            for _ in range(scene.rng.integers(1, most + 1)):
                draw()
    for _ in range(scene.rng.integers(8, 40)):
        scene.building()
    scene.trees()
    image = scene.photograph()
    if scene.rng.random() < 0.25:
        scene.cut(image)
    return image, scene.labels

"""The painted surfaces of the demo: bench top, pegboard, shelves, floor and walls, each drawn once, in metres."""

import cv2
import numpy as np

from stream.demo.raster import Color
from stream.pipeline.items import Float32, UInt8

CASE: Color = (36, 38, 40)
"""Of the terminal around its screen."""
_BITS = 4
_FOOTPRINTS = [
    (-0.45, 0.195, 0.29, 0.205),
    (0.19, 0.225, 0.27, 0.225),
    (-0.06, 0.27, 0.17, 0.11),
    (-0.36, 0.6, 1.0, 0.14),
    (-0.66, 0.6, 0.14, 0.08),
]
"""Objects on the bench that cast a shadow: left (from the middle), front, width, depth."""


class Sheet:
    """A surface to paint on, in metres from its upper left corner."""

    def __init__(self, width_m: float, height_m: float, px_per_m: float, color: Color) -> None:
        self._px_per_m = px_per_m
        self.image = np.full((round(height_m * px_per_m), round(width_m * px_per_m), 3), color, np.uint8)
        """(H, W, 3) uint8 RGB."""

    def rect(self, x: float, y: float, width: float, height: float, color: Color) -> None:
        """Paint an upright rectangle by its upper left corner."""
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], color)

    def polygon(self, points: list[tuple[float, float]], color: Color) -> None:
        """Paint a convex polygon."""
        fixed = np.round(np.array(points) * self._px_per_m * (1 << _BITS)).astype(np.int32)
        cv2.fillConvexPoly(self.image, fixed, color, cv2.LINE_AA, _BITS)

    def circle(self, x: float, y: float, radius: float, color: Color) -> None:
        """Paint a disc."""
        scale = self._px_per_m * (1 << _BITS)
        cv2.circle(
            self.image, (round(x * scale), round(y * scale)), round(radius * scale), color, -1, cv2.LINE_AA, _BITS
        )

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float, color: Color) -> None:
        """Paint a straight bar."""
        across = np.array([y0 - y1, x1 - x0]) / np.hypot(x1 - x0, y1 - y0) * width / 2
        dx, dy = float(across[0]), float(across[1])
        self.polygon([(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)], color)

    def shadow(self, x: float, y: float, width: float, height: float, soft_m: float, depth: float) -> None:
        """Darken under an object: a rectangle with soft edges, by up to ``depth``."""
        across = _soft_span(
            self.image.shape[1], x * self._px_per_m, (x + width) * self._px_per_m, soft_m * self._px_per_m
        )
        down = _soft_span(
            self.image.shape[0], y * self._px_per_m, (y + height) * self._px_per_m, soft_m * self._px_per_m
        )
        rows, columns = np.flatnonzero(down), np.flatnonzero(across)
        part = self.image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        part[:] = part * (1.0 - depth * np.outer(down[rows], across[columns]))[..., None]

    def lamp(self, x: float, y: float, reach_m: float, edge: float) -> None:
        """Light from above one point: full there, down to ``edge`` far away."""
        height, width = self.image.shape[:2]
        across = (np.arange(width) / self._px_per_m - x)[None, :]
        down = (np.arange(height) / self._px_per_m - y)[:, None]
        light = edge + (1.0 - edge) * np.exp(-(across**2 + down**2) / reach_m**2)
        self.image = (self.image * light[..., None]).astype(np.uint8)

    def grain(self, rng: np.random.Generator, strength: float) -> None:
        """Add fine noise, so that the surface is not plain."""
        height, width = self.image.shape[:2]
        fine = strength * rng.standard_normal((height, width), np.float32)
        coarse = 1.5 * strength * rng.standard_normal((height // 12 + 2, width // 12 + 2), np.float32)
        fine += cv2.resize(coarse, (width, height))
        self.image = (self.image + fine[..., None]).clip(0, 255).astype(np.uint8)


def _soft_span(length: int, start: float, end: float, soft: float) -> Float32:
    """(length,) float32: 1 from ``start`` to ``end``, falling to 0 over ``2 soft`` pixels around each."""
    places = np.arange(length, dtype=np.float32)
    inside = np.minimum(places - start, end - places) / max(soft, 0.5)
    return np.asarray(np.clip(0.5 + 0.5 * inside, 0.0, 1.0), np.float32)


def bench_top(width_m: float, depth_m: float, px_per_m: float, rng: np.random.Generator) -> UInt8:
    """Light wood with a ruled mat, a work instruction and a few tools; the worker is below."""
    sheet = Sheet(width_m, depth_m, px_per_m, (193, 170, 136))
    for y in np.arange(0.04, depth_m, 0.055):
        sheet.line(0, y, width_m, y + rng.uniform(-0.01, 0.01), 0.006, (184, 160, 125))
    middle = width_m / 2
    sheet.shadow(middle - 0.62, 0.2, 1.24, 0.55, 0.012, 0.35)
    sheet.rect(middle - 0.62, 0.19, 1.24, 0.55, (30, 84, 80))
    for x in np.arange(-0.6, 0.61, 0.1):
        sheet.line(middle + x, 0.2, middle + x, 0.73, 0.0022, (74, 132, 124))
    for y in np.arange(0.22, 0.73, 0.1):
        sheet.line(middle - 0.61, y, middle + 0.61, y, 0.0022, (74, 132, 124))
    _paper(sheet, middle - 0.93, 0.3, rng)
    _screwdriver(sheet, middle + 0.16, 0.64)
    _wrench(sheet, middle - 0.22, 0.62)
    _tape(sheet, middle + 0.82, 0.42)
    sheet.rect(0, depth_m - 0.03, width_m, 0.03, (96, 78, 58))
    sheet.grain(rng, 3.0)
    for x, y, width, height in _FOOTPRINTS:
        sheet.shadow(middle + x, depth_m - y - height, width + 0.025, height + 0.03, 0.016, 0.6)
    sheet.lamp(middle, 0.4, 1.0, 0.74)
    return sheet.image


def _paper(sheet: Sheet, x: float, y: float, rng: np.random.Generator) -> None:
    sheet.shadow(x, y, 0.215, 0.3, 0.006, 0.4)
    sheet.rect(x, y, 0.21, 0.297, (238, 238, 232))
    sheet.rect(x + 0.018, y + 0.02, 0.12, 0.016, (60, 70, 90))
    sheet.rect(x + 0.018, y + 0.05, 0.08, 0.075, (190, 205, 215))
    sheet.circle(x + 0.058, y + 0.087, 0.024, (235, 130, 45))
    for row in range(9):
        sheet.rect(x + 0.018, y + 0.145 + 0.015 * row, rng.uniform(0.1, 0.17), 0.005, (140, 140, 140))


def _screwdriver(sheet: Sheet, x: float, y: float) -> None:
    sheet.line(x + 0.004, y + 0.006, x + 0.2, y + 0.04, 0.018, (22, 58, 56))
    sheet.line(x + 0.09, y + 0.016, x + 0.2, y + 0.034, 0.006, (205, 208, 212))
    sheet.line(x, y, x + 0.09, y + 0.016, 0.026, (196, 44, 40))
    sheet.line(x + 0.005, y - 0.003, x + 0.085, y + 0.011, 0.006, (236, 110, 96))


def _wrench(sheet: Sheet, x: float, y: float) -> None:
    for offset, color in ((0.005, (22, 58, 56)), (0.0, (168, 174, 180))):
        sheet.line(x, y + offset, x - 0.19, y + 0.05 + offset, 0.016, color)
        sheet.circle(x, y + offset, 0.02, color)
        sheet.circle(x - 0.19, y + 0.05 + offset, 0.02, color)
    sheet.circle(x + 0.006, y - 0.002, 0.010, (30, 84, 80))
    sheet.circle(x - 0.19, y + 0.05, 0.010, (30, 84, 80))


def _tape(sheet: Sheet, x: float, y: float) -> None:
    sheet.circle(x + 0.006, y + 0.008, 0.056, (120, 104, 82))
    sheet.circle(x, y, 0.055, (236, 196, 60))
    sheet.circle(x, y, 0.040, (205, 190, 160))
    sheet.circle(x, y, 0.034, (150, 130, 102))


def pegboard(width_m: float, height_m: float, px_per_m: float, rng: np.random.Generator) -> UInt8:
    """A perforated board with tools hanging on it."""
    sheet = Sheet(width_m, height_m, px_per_m, (178, 182, 182))
    for x in np.arange(0.03, width_m, 0.05):
        for y in np.arange(0.03, height_m, 0.05):
            sheet.circle(x, y, 0.006, (128, 132, 134))
    colors: list[Color] = [(200, 60, 45), (40, 92, 170), (226, 170, 40), (60, 66, 72)]
    for index, x in enumerate(np.arange(0.12, width_m - 0.1, 0.135)):
        length, color = rng.uniform(0.12, 0.24), colors[index % len(colors)]
        sheet.line(x + 0.008, 0.09, x + 0.008, 0.09 + length, 0.03, (140, 144, 146))
        sheet.line(x, 0.07, x, 0.07 + 0.45 * length, 0.016, (214, 218, 222))
        sheet.line(x, 0.07 + 0.45 * length, x, 0.07 + length, 0.03, color)
        sheet.circle(x, 0.07, 0.016, (214, 218, 222))
    sheet.rect(0, 0, width_m, 0.018, (92, 96, 100))
    sheet.grain(rng, 2.5)
    sheet.lamp(width_m / 2, height_m, 1.1, 0.45)
    return sheet.image


def shelves(width_m: float, height_m: float, px_per_m: float, rng: np.random.Generator) -> UInt8:
    """A pallet rack full of cartons and crates, blue uprights, orange beams."""
    sheet = Sheet(width_m, height_m, px_per_m, (34, 36, 40))
    kinds: list[Color] = [
        (172, 132, 88),
        (186, 148, 104),
        (150, 112, 74),
        (52, 96, 150),
        (150, 156, 160),
        (120, 46, 44),
    ]
    level_m = 0.55
    for floor in np.arange(level_m, height_m + level_m / 2, level_m):
        x = 0.06
        while x < width_m - 0.2:
            width, height = rng.uniform(0.2, 0.42), rng.uniform(0.22, 0.44)
            _carton(sheet, x, floor - 0.07, width, height, kinds[int(rng.integers(len(kinds)))])
            x += width + rng.uniform(0.02, 0.1)
        sheet.rect(0, floor - 0.07, width_m, 0.06, (214, 112, 36))
        sheet.rect(0, floor - 0.015, width_m, 0.008, (150, 74, 22))
    for x in np.arange(0.0, width_m, 1.35):
        sheet.rect(x, 0, 0.07, height_m, (36, 70, 132))
        for y in np.arange(0.05, height_m, 0.1):
            sheet.circle(x + 0.035, y, 0.012, (18, 36, 70))
    sheet.grain(rng, 3.0)
    return sheet.image


def _carton(sheet: Sheet, x: float, floor: float, width: float, height: float, color: Color) -> None:
    red, green, blue = color
    sheet.rect(x, floor - height, width, height, color)
    sheet.rect(x, floor - height, width, 0.02, (red * 3 // 4, green * 3 // 4, blue * 3 // 4))
    sheet.rect(x + width * 0.46, floor - height, width * 0.08, height, (red * 7 // 8, green * 7 // 8, blue * 7 // 8))
    sheet.rect(x + width * 0.12, floor - height * 0.55, width * 0.26, height * 0.28, (228, 228, 222))
    sheet.rect(x + width * 0.15, floor - height * 0.48, width * 0.2, height * 0.05, (70, 70, 70))


def floor(width_m: float, depth_m: float, px_per_m: float, rng: np.random.Generator) -> UInt8:
    """Grey concrete with joints and yellow lanes."""
    sheet = Sheet(width_m, depth_m, px_per_m, (104, 106, 108))
    for x in np.arange(0.0, width_m, 1.5):
        sheet.rect(x, 0, 0.02, depth_m, (82, 84, 86))
    for y in np.arange(0.0, depth_m, 1.5):
        sheet.rect(0, y, width_m, 0.02, (82, 84, 86))
    for x in (width_m / 2 - 1.55, width_m / 2 + 1.5):
        sheet.rect(x, 0, 0.09, depth_m, (226, 186, 40))
    sheet.grain(rng, 5.0)
    return sheet.image


def wall(width_m: float, height_m: float, px_per_m: float, rng: np.random.Generator) -> UInt8:
    """A hall's wall: bright windows above, cladding and machines below."""
    sheet = Sheet(width_m, height_m, px_per_m, (122, 132, 140))
    for x in np.arange(0.0, width_m, 0.3):
        sheet.rect(x, 0, 0.02, height_m, (108, 118, 126))
    for x in np.arange(0.3, width_m - 1.0, 1.4):
        sheet.rect(x, 0.45, 1.1, 0.7, (222, 232, 238))
        sheet.rect(x + 0.53, 0.45, 0.04, 0.7, (120, 128, 134))
    for x in np.arange(0.2, width_m - 1.0, 1.7):
        body: Color = (58, 92, 98) if rng.random() < 0.5 else (176, 178, 172)
        machine_w, machine_h = rng.uniform(0.8, 1.2), rng.uniform(1.0, 1.5)
        top = height_m - machine_h
        sheet.rect(x, top, machine_w, machine_h, body)
        sheet.rect(x + 0.1, top + 0.15, machine_w * 0.5, machine_h * 0.35, (26, 30, 34))
        sheet.rect(x + machine_w * 0.72, top + 0.18, machine_w * 0.18, 0.2, (70, 190, 120))
    sheet.rect(0, height_m - 0.12, width_m, 0.12, (226, 186, 40))
    sheet.grain(rng, 2.0)
    return sheet.image


def ceiling(width_m: float, depth_m: float, px_per_m: float) -> UInt8:
    """Dark sheet metal with rows of lamps."""
    sheet = Sheet(width_m, depth_m, px_per_m, (58, 62, 66))
    for y in np.arange(0.6, depth_m, 1.3):
        for x in np.arange(0.5, width_m, 1.8):
            sheet.rect(x, y, 1.2, 0.1, (250, 250, 244))
    return sheet.image


def screen(width_m: float, height_m: float, px_per_m: float) -> UInt8:
    """A work terminal: a drawing of the part and a row of green steps."""
    sheet = Sheet(width_m, height_m, px_per_m, CASE)
    sheet.rect(0.008, 0.008, width_m - 0.016, height_m - 0.016, (18, 30, 44))
    sheet.rect(0.008, 0.008, width_m - 0.016, height_m * 0.14, (36, 110, 160))
    sheet.circle(width_m * 0.28, height_m * 0.55, height_m * 0.24, (235, 130, 45))
    sheet.circle(width_m * 0.28, height_m * 0.55, height_m * 0.09, (18, 30, 44))
    for row in range(4):
        sheet.rect(width_m * 0.56, height_m * (0.28 + 0.16 * row), width_m * 0.3, height_m * 0.07, (90, 200, 130))
    return sheet.image


def small_parts(width_m: float, depth_m: float, px_per_m: float, rng: np.random.Generator) -> UInt8:
    """A bin's contents: steel washers on a dark ground."""
    sheet = Sheet(width_m, depth_m, px_per_m, (40, 44, 52))
    for x, y in rng.uniform((0.0, 0.0), (width_m, depth_m), (70, 2)):
        bright = int(rng.integers(120, 200))
        sheet.circle(x, y + 0.002, 0.0095, (52, 56, 62))
        sheet.circle(x, y, 0.009, (bright, bright + 4, bright + 8))
        sheet.circle(x, y, 0.004, (62, 66, 72))
    return sheet.image


def caps(width_m: float, depth_m: float, px_per_m: float, radius_m: float, rng: np.random.Generator) -> UInt8:
    """The bottom of the part bin: orange caps in deep shade."""
    sheet = Sheet(width_m, depth_m, px_per_m, (22, 40, 74))
    for x, y in rng.uniform((radius_m, radius_m), (width_m - radius_m, depth_m - radius_m), (24, 2)):
        sheet.circle(x, y + 0.006, radius_m, (104, 52, 18))
        sheet.circle(x, y, radius_m, (186, 98, 32))
        sheet.circle(x, y, 0.34 * radius_m, (70, 32, 10))
    return sheet.image

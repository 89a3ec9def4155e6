"""The demo's scene: the hall and its objects, and how one instant is painted."""

import numpy as np

from stream.demo import textures
from stream.demo.hands import cast_shadow, paint_hand
from stream.demo.motion import BIN, FIXTURE, TRAY, TRAY_SLOTS, Instant, tray_slot
from stream.demo.raster import Canvas, Color, Surface, at
from stream.pipeline.items import Float64

ORANGE: Color = (240, 132, 42)
BLUE: Color = (38, 86, 168)
STEEL: Color = (150, 156, 162)
PART_RADIUS_M = 0.022
PART_HEIGHT_M = 0.026
_BACK_ROW: list[tuple[float, Color]] = [
    (-0.28, BLUE),
    (-0.08, (186, 48, 44)),
    (0.12, BLUE),
    (0.32, (222, 176, 44)),
    (0.52, BLUE),
]
"""Small bins: middle, metres, and colour."""
_BENCH_W_M, _BENCH_D_M = 2.6, 0.8
_LEFT_M, _RIGHT_M, _NEAR_M, _FAR_M, _FLOOR_M, _CEILING_M = -3.4, 2.15, -3.0, 3.4, -0.95, 2.3
"""The hall."""


class Scene:
    """All static surfaces, painted once for one picture scale."""

    def __init__(self, canvas: Canvas, seed: int) -> None:
        """Paint the surfaces; textures get about one texel a pixel of the canvas."""
        rng = np.random.default_rng(seed)
        focal_px = canvas.focal_px
        self._canvas = canvas
        self._far_canvas = canvas.coarser(2)
        self._hall = _hall(focal_px / 2, rng)
        self._shelves = _shelves(focal_px, rng)
        self._bench = Surface(
            at(-_BENCH_W_M / 2, _BENCH_D_M, 0.0),
            at(_BENCH_W_M, 0.0, 0.0),
            at(0.0, -_BENCH_D_M, 0.0),
            textures.bench_top(_BENCH_W_M, _BENCH_D_M, focal_px / 0.5, rng),
        )
        self._board = Surface(
            at(-1.05, _BENCH_D_M, 0.46),
            at(2.1, 0.0, 0.0),
            at(0.0, 0.0, -0.46),
            textures.pegboard(2.1, 0.46, focal_px / 0.9, rng),
        )
        self._screen = Surface(
            at(-0.74, 0.555, 0.33), at(0.3, 0.06, 0.0), at(0.0, 0.0, -0.2), textures.screen(0.3, 0.2, focal_px / 0.6)
        )
        self._bin_bottom = Surface(
            BIN + at(-0.1, 0.092, 0.015),
            at(0.2, 0.0, 0.0),
            at(0.0, -0.184, 0.0),
            textures.caps(0.2, 0.184, focal_px / 0.5, PART_RADIUS_M, rng),
        )
        self._pile = [BIN + at(rng.uniform(-0.07, 0.07), rng.uniform(-0.06, 0.06), 0.012) for _ in range(9)]
        self._washers = textures.small_parts(0.152, 0.112, focal_px / 0.6, rng)

    def paint(self, now: Instant) -> None:
        """Paint one instant on the canvas, far things first."""
        canvas = self._canvas
        canvas.look(now.head)
        self._far_canvas.look(now.head)
        for surface in self._hall:
            self._far_canvas.surface(surface)
        canvas.fill_from(self._far_canvas)
        canvas.surface(self._shelves)
        _bench_body(canvas)
        canvas.surface(self._bench)
        canvas.surface(self._board)
        self._back_row(canvas)
        cast_shadow(canvas, now.left, now.right)
        _tray(canvas, now.finished)
        self._part_bin(canvas)
        _fixture(canvas)
        if now.part is not None:
            _part(canvas, now.part)
        paint_hand(canvas, now.left, side=-1)
        paint_hand(canvas, now.right, side=1)

    def _back_row(self, canvas: Canvas) -> None:
        """A terminal, and small bins along the board."""
        canvas.box(at(-0.62, 0.62, 0.0), at(-0.56, 0.66, 0.2), (60, 64, 68))
        canvas.polygon(self._screen.corners + at(0.0, 0.008, 0.0) + _frame_margin(), textures.CASE)
        canvas.surface(self._screen)
        for x, color in _BACK_ROW:
            _open_box(canvas, at(x, 0.68, 0.0), at(0.085, 0.065, 0.09), color)
            corner = at(x - 0.076, 0.736, 0.085)
            canvas.surface(Surface(corner, at(0.152, 0.0, 0.0), at(0.0, -0.112, 0.0), self._washers))

    def _part_bin(self, canvas: Canvas) -> None:
        _open_box(canvas, BIN * at(1.0, 1.0, 0.0), at(0.115, 0.105, 0.075), BLUE)
        canvas.surface(self._bin_bottom)
        for place in sorted(self._pile, key=lambda place: -float(place[1])):
            _part(canvas, place)


def _hall(focal_px: float, rng: np.random.Generator) -> list[Surface]:
    """Floor, ceiling and the walls ahead, on the left and behind."""
    px_per_m = focal_px / 2.6
    wide, deep = _RIGHT_M - _LEFT_M, _FAR_M - _NEAR_M
    high = _CEILING_M - _FLOOR_M
    down = at(0.0, 0.0, -high)
    side, front = textures.wall(deep, high, px_per_m, rng), textures.wall(wide, high, px_per_m, rng)
    return [
        Surface(
            at(_LEFT_M, _FAR_M, _FLOOR_M),
            at(wide, 0.0, 0.0),
            at(0.0, -deep, 0.0),
            textures.floor(wide, deep, px_per_m, rng),
        ),
        Surface(
            at(_LEFT_M, _NEAR_M, _CEILING_M),
            at(wide, 0.0, 0.0),
            at(0.0, deep, 0.0),
            textures.ceiling(wide, deep, px_per_m),
        ),
        Surface(at(_LEFT_M, _FAR_M, _CEILING_M), at(wide, 0.0, 0.0), down, front),
        Surface(at(_LEFT_M, _NEAR_M, _CEILING_M), at(0.0, deep, 0.0), down, side),
        Surface(at(_RIGHT_M, _NEAR_M, _CEILING_M), at(-wide, 0.0, 0.0), down, front),
    ]


def _shelves(focal_px: float, rng: np.random.Generator) -> Surface:
    """The whole wall on the right."""
    deep, high = _FAR_M - _NEAR_M, _CEILING_M - _FLOOR_M
    texture = textures.shelves(deep, high, focal_px / 1.2, rng)
    return Surface(at(_RIGHT_M, _FAR_M, _CEILING_M), at(0.0, -deep, 0.0), at(0.0, 0.0, -high), texture)


def _bench_body(canvas: Canvas) -> None:
    """The board that the bench top lies on."""
    half = _BENCH_W_M / 2
    canvas.box(at(-half, 0.0, -0.06), at(half, _BENCH_D_M, -0.001), (120, 98, 72))


def _open_box(canvas: Canvas, centre: Float64, half: Float64, color: Color) -> None:
    """A bin without a lid, ``half`` its half width, half depth and height."""
    low, high = centre - [half[0], half[1], 0.0], centre + half
    canvas.box(low, high, color)
    rim = at(0.007, 0.007, 0.0)
    canvas.polygon(_rectangle(low + rim, high - rim, float(high[2])), (22, 40, 74))


def _tray(canvas: Canvas, finished: int) -> None:
    half = at(0.125, 0.098, 0.0)
    canvas.box(TRAY * [1.0, 1.0, 0.0] - half, TRAY + half, (212, 214, 210))
    for index in range(TRAY_SLOTS):
        canvas.disc(tray_slot(index), 0.024, (120, 124, 126))
    for index in sorted(range(min(finished, TRAY_SLOTS)), key=lambda index: -float(tray_slot(index)[1])):
        _part(canvas, tray_slot(index))


def _fixture(canvas: Canvas) -> None:
    """A steel vice with a post on which the part is pressed."""
    base = FIXTURE * [1.0, 1.0, 0.0]
    canvas.box(base + at(-0.075, -0.05, 0.0), base + at(0.075, 0.05, 0.03), (88, 94, 100))
    canvas.cylinder(base + at(0.0, 0.0, 0.03), 0.034, 0.035, STEEL)
    canvas.cylinder(base + at(0.0, 0.0, 0.065), 0.014, 0.012, (90, 94, 98))


def _part(canvas: Canvas, base: Float64) -> None:
    """An orange cap with a hole."""
    canvas.cylinder(base, PART_RADIUS_M, PART_HEIGHT_M, ORANGE)
    canvas.disc(base + at(0.0, 0.0, PART_HEIGHT_M), 0.6 * PART_RADIUS_M, (252, 168, 88))
    canvas.disc(base + at(0.0, 0.0, PART_HEIGHT_M), 0.34 * PART_RADIUS_M, (96, 44, 12))


def _rectangle(low: Float64, high: Float64, z: float) -> Float64:
    return np.array([[low[0], low[1], z], [high[0], low[1], z], [high[0], high[1], z], [low[0], high[1], z]])


def _frame_margin() -> Float64:
    """Offset of a terminal's case from its screen, at each corner."""
    return 0.014 * np.array([[-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 0.0, -1.0]])

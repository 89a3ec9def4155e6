"""The demo's script: work cycles, head movements, and one walk away from the bench."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stream.demo.raster import Pose, at
from stream.pipeline.items import Float64

CYCLE_S = 5.0
AWAY_AFTER_S = 41.0
"""The worker leaves at the end of the first cycle after this."""
AWAY_S = 13.5
_TURN_S, _TURN_RAD = 1.4, np.radians(78.0)
_REST_S = 3.0
"""Minimum work after the walk; in a clip too short for it, the worker stays."""

BIN = at(0.31, 0.34, 0.05)
FIXTURE = at(0.02, 0.33, 0.075)
TRAY = at(-0.31, 0.30, 0.015)
TRAY_SLOTS = 12
_REST_RIGHT = at(0.20, 0.20, 0.03)
_REST_LEFT = at(-0.16, 0.22, 0.03)
_GRASP_RIGHT = at(0.035, -0.105, 0.04)
_GRASP_LEFT = at(-0.035, -0.105, 0.04)
"""From a grasped part to the wrist behind it."""
_HEAD = at(0.0, -0.13, 0.56)
_PITCH = np.radians(-45.0)


class Waypoint(NamedTuple):
    """Where a wrist is at a phase of the cycle."""

    phase: float
    wrist: Float64
    grip: float
    """0 open to 1 closed."""


class Hand(NamedTuple):
    """One hand at one instant."""

    wrist: Float64
    grip: float


@dataclass(frozen=True)
class Instant:
    """The scene at one time."""

    head: Pose
    right: Hand
    left: Hand
    part: Float64 | None
    """(3,) metres: position of the part being worked on; None between two parts."""
    finished: int
    """Parts on the tray."""
    turning: float
    """Yaw rate of the head, radians a second."""


def tray_slot(index: int) -> Float64:
    """(3,) metres: position of the ``index``-th finished part, in rows of four."""
    row, column = divmod(index % TRAY_SLOTS, 4)
    return TRAY + at(0.058 * (column - 1.5), 0.058 * (1 - row), 0.0)


class Script:
    """All movements of the clip; the same seed gives the same ones."""

    def __init__(self, seconds: float, fps: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        lengths = CYCLE_S * rng.uniform(0.95, 1.05, int(seconds / CYCLE_S) + 3)
        self._ends = np.cumsum(lengths)
        self._phases = rng.uniform(0.0, 2.0 * np.pi, 8)
        self._slips = rng.normal(0.0, 0.004, (len(lengths), 2))
        leaves = np.round(self._ends[self._ends >= AWAY_AFTER_S].min(initial=np.inf) * fps) / fps
        self.away: tuple[float, float] | None = None
        """Start and end of the time away from the bench, in seconds; None if the clip is too short."""
        if leaves + AWAY_S + _REST_S <= seconds:
            self.away = float(leaves), float(np.round((leaves + AWAY_S) * fps) / fps)

    def at(self, t_s: float) -> Instant:
        """The scene at ``t_s``."""
        worked_s, gone = self._work_time(t_s), self.away_share(t_s)
        cycle = int(np.searchsorted(self._ends, worked_s, side="right"))
        start = self._ends[cycle - 1] if cycle else 0.0
        phase = float((worked_s - start) / (self._ends[cycle] - start))
        slip = np.append(self._slips[cycle], 0.0)
        right, left = _hand(_right_path(slip), phase), _hand(_left_path(tray_slot(cycle)), phase)
        lowered = at(0.0, -0.35, -0.25) * gone
        return Instant(
            head=self.head_pose(t_s, gone),
            right=Hand(right.wrist + lowered, right.grip),
            left=Hand(left.wrist + lowered, left.grip),
            part=_part(phase, right, left),
            finished=cycle % TRAY_SLOTS + (phase >= 0.9),
            turning=(self.away_share(t_s + 0.01) - self.away_share(t_s - 0.01)) / 0.02 * _TURN_RAD,
        )

    def away_share(self, t_s: float) -> float:
        """0 at the bench, 1 turned away, smooth in between."""
        if self.away is None:
            return 0.0
        return _ease((t_s - self.away[0]) / _TURN_S) * _ease((self.away[1] - t_s) / _TURN_S)

    def head_pose(self, t_s: float, away: float) -> Pose:
        """Breathing and glances at work; steps and a look along the shelves where ``away`` is 1."""
        slow = np.sin(2.0 * np.pi * np.array([0.21, 0.34, 0.17, 0.43, 0.29]) * t_s + self._phases[:5])
        step = np.sin(2.0 * np.pi * np.array([1.9, 0.95, 0.16]) * t_s + self._phases[5:8])
        position = _HEAD + at(0.008 * slow[0], 0.006 * slow[1], 0.006 * slow[2])
        walked = np.array([0.75, 0.15 + 0.25 * step[2], 0.12]) + at(0.0, 0.012 * step[1], 0.018 * step[0])
        yaw = np.radians(2.2 * slow[3] + 1.2 * slow[0]) + away * (_TURN_RAD + np.radians(20.0 * step[2]))
        pitch = _PITCH + np.radians(1.6 * slow[4]) + away * np.radians(36.0 + 1.5 * step[0])
        roll = np.radians(1.3 * slow[1]) + away * np.radians(2.0 * step[1])
        return Pose(position + away * walked, float(yaw), float(pitch), float(roll))

    def _work_time(self, t_s: float) -> float:
        """The time spent at the bench until ``t_s``."""
        if self.away is None or t_s < self.away[0]:
            return t_s
        return self.away[0] if t_s < self.away[1] else t_s - (self.away[1] - self.away[0])


def _right_path(slip: Float64) -> list[Waypoint]:
    """Fetch a part from the bin, set it on the fixture, press it home."""
    over_bin, at_bin = BIN + slip + at(0.0, -0.06, 0.12), BIN + slip + _GRASP_RIGHT
    at_fixture = FIXTURE + _GRASP_RIGHT
    pressed = at_fixture + at(0.0, 0.0, -0.012)
    return [
        Waypoint(0.0, _REST_RIGHT, 0.2),
        Waypoint(0.14, over_bin, 0.0),
        Waypoint(0.2, at_bin, 0.2),
        Waypoint(0.24, at_bin, 1.0),
        Waypoint(0.3, over_bin, 1.0),
        Waypoint(0.44, at_fixture, 1.0),
        Waypoint(0.5, at_fixture, 0.5),
        Waypoint(0.55, pressed, 0.8),
        Waypoint(0.6, at_fixture, 0.6),
        Waypoint(0.65, pressed, 0.8),
        Waypoint(0.7, at_fixture + at(0.05, -0.03, 0.02), 0.3),
        Waypoint(0.86, _REST_RIGHT, 0.2),
        Waypoint(1.0, _REST_RIGHT, 0.2),
    ]


def _left_path(slot: Float64) -> list[Waypoint]:
    """Steady the fixture, then carry the finished part to its place on the tray."""
    holding = FIXTURE + _GRASP_LEFT + at(-0.035, 0.0, -0.02)
    over_slot, at_slot = slot + _GRASP_LEFT + at(0.0, 0.0, 0.09), slot + _GRASP_LEFT
    return [
        Waypoint(0.0, _REST_LEFT, 0.2),
        Waypoint(0.3, _REST_LEFT, 0.2),
        Waypoint(0.42, holding, 0.5),
        Waypoint(0.68, holding, 0.7),
        Waypoint(0.72, FIXTURE + _GRASP_LEFT, 1.0),
        Waypoint(0.84, over_slot, 1.0),
        Waypoint(0.89, at_slot, 1.0),
        Waypoint(0.92, at_slot, 0.2),
        Waypoint(1.0, _REST_LEFT, 0.2),
    ]


def _hand(path: list[Waypoint], phase: float) -> Hand:
    """Between waypoints, hands speed up and slow down; the farther they go, the higher they are lifted."""
    here = max(index for index, point in enumerate(path[:-1]) if point.phase <= phase)
    start, end = path[here], path[here + 1]
    share = _ease((phase - start.phase) / (end.phase - start.phase))
    way = end.wrist - start.wrist
    lift = 0.18 * float(np.hypot(way[0], way[1])) * np.sin(np.pi * share)
    return Hand(start.wrist + share * way + at(0.0, 0.0, lift), start.grip + share * (end.grip - start.grip))


def _part(phase: float, right: Hand, left: Hand) -> Float64 | None:
    if phase < 0.22 or phase >= 0.9:
        return None
    if phase < 0.46:
        return right.wrist - _GRASP_RIGHT
    if phase < 0.71:
        return FIXTURE
    return left.wrist - _GRASP_LEFT


def _ease(share: float) -> float:
    """0 up to 0, 1 from 1 on, a smooth step between (3 s^2 - 2 s^3)."""
    share = min(1.0, max(0.0, share))
    return share * share * (3.0 - 2.0 * share)

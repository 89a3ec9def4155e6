"""The facts in the ``.json`` that a data set keeps beside each clip: compared with the clip, whose own facts count."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from stream.errors import printable
from stream.sources.source import Source
from stream.video.facts import StreamFacts

SidecarValue: TypeAlias = str | int | float

_RATE_TOLERANCE = 0.005
"""Of the rate: 30 for 29.97 is how people write it, 25 is not."""
_LENGTH_TOLERANCE_S = 0.1
"""Sidecars round to tenths."""
_LARGEST = 1e15
_SHOWN_CHARS = 80
_CODEC_NAMES = {
    "h265": "hevc", "h.265": "hevc", "x265": "hevc", "hvc1": "hevc", "hev1": "hevc",
    "h.264": "h264", "x264": "h264", "avc": "h264", "avc1": "h264",
}  # fmt: skip
"""Other names of libav's ``hevc`` and ``h264``."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One fact on which sidecar and clip differ."""

    field: str
    """The sidecar's key."""
    sidecar: SidecarValue
    clip: SidecarValue


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The result of comparing a sidecar with its clip."""

    name: str
    disagreements: tuple[Disagreement, ...] = ()
    fault: str | None = None
    """Why nothing could be compared; None if something was."""
    factory_id: str | None = None
    worker_id: str | None = None
    """Who recorded the clip, and where, as far as the sidecar says so."""

    @property
    def warning(self) -> str | None:
        """One line for the user; None if sidecar and clip agree."""
        if self.fault:
            return f"sidecar {self.name} {self.fault}"
        fields = ", ".join(f"{each.field} {each.sidecar} (the clip: {each.clip})" for each in self.disagreements)
        return f"sidecar {self.name} disagrees with the clip, whose own values are used: {fields}" if fields else None


def read_sidecar(source: Source, facts: StreamFacts) -> Sidecar | None:
    """Compare the clip's sidecar, if it has one, with the clip's own facts.

    The keys are those of Egocentric-10K and -100K: ``fps``, ``duration_sec``, ``width``, ``height``, ``size_bytes`` and
    ``codec``. Keys that either side lacks are not compared. ``factory_id`` and ``worker_id`` are taken as they are.
    """
    found = source.sidecar()
    if found is None:
        return None
    name, content = found
    try:
        content_json = json.loads(content, parse_constant=str)  # NaN and the infinities are no numbers that could agree
    except (ValueError, RecursionError):  # no JSON, no UTF-8, a number of 5000 digits; nested a thousandfold
        return Sidecar(name, fault="is not JSON")
    if not isinstance(content_json, dict):
        return Sidecar(name, fault="is no JSON object")
    disagreements = tuple(_disagreements(content_json, _comparable(source, facts)))
    factory_id, worker_id = (_id(content_json.get(key)) for key in ("factory_id", "worker_id"))
    return Sidecar(name, disagreements, factory_id=factory_id, worker_id=worker_id)


def _comparable(source: Source, facts: StreamFacts) -> dict[str, tuple[SidecarValue | None, float]]:
    """The clip's own values for the sidecar's keys, each with its tolerance."""
    return {
        "fps": (facts.fps, (facts.fps or 0.0) * _RATE_TOLERANCE),
        "duration_sec": (facts.declared_s, _LENGTH_TOLERANCE_S),
        "width": (facts.display_width_px, 0.0),
        "height": (facts.display_height_px, 0.0),
        "size_bytes": (source.size_bytes, 0.0),
        "codec": (facts.codec, 0.0),
    }


def _disagreements(
    sidecar: dict[str, object], comparable: dict[str, tuple[SidecarValue | None, float]]
) -> Iterator[Disagreement]:
    for key, (own, tolerance) in comparable.items():
        theirs = sidecar.get(key)
        if theirs is not None and own is not None and not _agree(theirs, own, tolerance):
            yield Disagreement(key, _shown(theirs), own)


def _id(value: object) -> str | None:
    """An id as it may stand in a record; None if there is none."""
    return str(_shown(value)) if isinstance(value, str | int) and value != "" else None


def _shown(value: object) -> SidecarValue:
    """A value as it may stand in a record: a number that JSON has, or words that are short and printable."""
    if isinstance(value, int | float) and abs(value) <= _LARGEST:
        return value
    return printable(value if isinstance(value, str) else json.dumps(value))[:_SHOWN_CHARS]


def _agree(theirs: object, own: SidecarValue, tolerance: float) -> bool:
    if isinstance(own, str):
        name = str(theirs).lower()
        return _CODEC_NAMES.get(name, name) == own
    return isinstance(theirs, int | float) and own - tolerance <= theirs <= own + tolerance

"""What a run announced while it played, from its records."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream.errors import DamagedError, InputError
from stream.records.reading import layout_of
from stream.records.schema import events
from stream.records.schema.manifest import Manifest, read_manifest
from stream.records.store.event_log import read_events


@dataclass(frozen=True, slots=True)
class Announced:
    """A run as its readers saw it, up to now."""

    manifest: Manifest
    stem: str
    encoder: str
    """The model's name."""
    finished: bool
    """Whether the run has come to its source's end; otherwise it grows, or was stopped."""
    closed: tuple[events.SegmentClosed, ...]
    opened: dict[str, events.SegmentOpened]
    """By segment."""
    damaged: tuple[events.SourceDamaged, ...]

    @property
    def source(self) -> Path:
        """The clip's file, or the tar that it lies in."""
        return Path(str(self.manifest.options["source"]).split("::", maxsplit=1)[0])

    @property
    def detector(self) -> dict[str, Any]:
        """The detector's options."""
        options: dict[str, Any] = self.manifest.options["detector"]
        return options

    def still_open(self) -> list[events.SegmentOpened]:
        """The anomalous segment that has begun and not ended, if there is one."""
        ended = {segment.segment_id for segment in self.closed}
        return [event for name, event in self.opened.items() if event.kind == "anomalous" and name not in ended]


def read_announced(folder: Path) -> Announced:
    """Read a run directory's events and provenance, growing or finished.

    Raises:
        InputError: the records are missing, broken, or not of this version.
    """
    layout = layout_of(folder)
    try:
        manifest = read_manifest(layout.manifest)
        said = list(read_events(layout.events))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise InputError(f"{folder} holds no records of this version: {error.what}") from error
    started = next((event for event in said if isinstance(event, events.RunStarted)), None)
    if started is None:
        raise InputError(f"{layout.events} holds no run.started: the run has not begun, or the file is not its log")
    missing = {"source", "detector"} - manifest.options.keys()
    if missing:
        raise InputError(f"{layout.manifest} does not say the option {missing.pop()!r}: it is of another version")
    return Announced(
        manifest=manifest,
        stem=started.stem,
        encoder=str(manifest.encoder.get("model", started.encoder)),
        finished=any(isinstance(event, events.RunFinished) for event in said),
        closed=tuple(event for event in said if isinstance(event, events.SegmentClosed)),
        opened={event.segment_id: event for event in said if isinstance(event, events.SegmentOpened)},
        damaged=tuple(event for event in said if isinstance(event, events.SourceDamaged)),
    )

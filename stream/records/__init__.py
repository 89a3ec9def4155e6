"""The run directory: its schema, how it is written, and how other programs read it.

    from stream.records import SegmentClosed, open_run

    for event in open_run("runs/clip").follow():
        if isinstance(event, SegmentClosed) and event.kind == "anomalous":
            print(event.t_start_s, event.t_end_s)

What is exported here is the public interface; the modules below may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from stream.errors import DamagedError, NewerVersionError
    from stream.records.follower import Follower, follow
    from stream.records.reading import Run, open_run
    from stream.records.run_annotations import RunAnnotation
    from stream.records.schema.annotations import Action, Ecot, SceneObject, read_annotations
    from stream.records.schema.events import (
        AnnotationStarted,
        Checkpoint,
        Event,
        Outcome,
        PartAnnotated,
        PartFailed,
        PartOutcome,
        RunFailed,
        RunFinished,
        RunResumed,
        RunStarted,
        SegmentAnnotated,
        SegmentClosed,
        SegmentFailed,
        SegmentOpened,
        SegmentSkipped,
        SourceDamaged,
        SourceGap,
        SourceLost,
        StageRestarted,
        StreamOverload,
    )
    from stream.records.schema.health import Health, read_health
    from stream.records.schema.layout import RunLayout
    from stream.records.schema.manifest import Manifest, read_manifest
    from stream.records.store.event_log import read_events

_MODULES: Final = {
    "stream.errors": ("DamagedError", "NewerVersionError"),
    "stream.records.follower": (
        "Follower",
        "follow",
    ),
    "stream.records.reading": (
        "Run",
        "open_run",
    ),
    "stream.records.run_annotations": ("RunAnnotation",),
    "stream.records.schema.annotations": (
        "Action",
        "Ecot",
        "SceneObject",
        "read_annotations",
    ),
    "stream.records.schema.events": (
        "AnnotationStarted",
        "Checkpoint",
        "Event",
        "Outcome",
        "PartAnnotated",
        "PartFailed",
        "PartOutcome",
        "RunFailed",
        "RunFinished",
        "RunResumed",
        "RunStarted",
        "SegmentAnnotated",
        "SegmentClosed",
        "SegmentFailed",
        "SegmentOpened",
        "SegmentSkipped",
        "SourceDamaged",
        "SourceGap",
        "SourceLost",
        "StageRestarted",
        "StreamOverload",
    ),
    "stream.records.schema.health": (
        "Health",
        "read_health",
    ),
    "stream.records.schema.layout": ("RunLayout",),
    "stream.records.schema.manifest": (
        "Manifest",
        "read_manifest",
    ),
    "stream.records.store.event_log": ("read_events",),
}
"""Where the names are; a module is imported when one of its names is used: processes and commands need few of them."""

__all__ = [
    "Action",
    "AnnotationStarted",
    "Checkpoint",
    "DamagedError",
    "Ecot",
    "Event",
    "Follower",
    "Health",
    "Manifest",
    "NewerVersionError",
    "Outcome",
    "PartAnnotated",
    "PartFailed",
    "PartOutcome",
    "Run",
    "RunAnnotation",
    "RunFailed",
    "RunFinished",
    "RunLayout",
    "RunResumed",
    "RunStarted",
    "SceneObject",
    "SegmentAnnotated",
    "SegmentClosed",
    "SegmentFailed",
    "SegmentOpened",
    "SegmentSkipped",
    "SourceDamaged",
    "SourceGap",
    "SourceLost",
    "StageRestarted",
    "StreamOverload",
    "follow",
    "open_run",
    "read_annotations",
    "read_events",
    "read_health",
    "read_manifest",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - of all types
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

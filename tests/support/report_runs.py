"""Run directories for the report, written without running the chain: any length, any words, with keyframes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from stream.config import Options
from stream.pipeline.facts import SegmentClosed, SourceDamaged
from stream.records.schema.annotations import Action, Ecot, SceneObject, numbered, write_annotations
from stream.records.schema.events import (
    EVENT,
    Event,
    RunFailed,
    RunFinished,
    RunStarted,
    SegmentAnnotated,
    SegmentFailed,
    SegmentSkipped,
)
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, SourceRecord
from stream.records.store.arrays import GrowingArray

WIDTH_PX, HEIGHT_PX = 320, 180
TOKENS, DIMS = 2, 16
"""Of a window: small, since the report's cost does not depend on them; the benchmark takes those of V-JEPA 2."""
EVERY_ANOMALOUS: Final = 5
"""Every fifth segment is other work."""

JpegAt = Callable[[float], bytes]
"""The keyframe at a stream time."""


@dataclass(frozen=True)
class ReportRun:
    """What a run of the tests has."""

    name: str = "clip"
    segments: int = 10
    segment_s: float = 6.0
    subtask: str = "drive the screw in"
    thing: str = "screwdriver"
    scene: str = "a bench"
    reason: str = "the annotator gave no answer"
    damage: str = "packets are missing"
    source: str = "/clips/clip.mp4"
    keyframes: bool = True
    finished: bool = True
    stopped: str = ""
    """Reason of ``run.failed``."""
    dims: tuple[int, int] = (TOKENS, DIMS)
    boxes_after_s: float = 1.0
    """Of the keyframe that has an action's boxes, from the action's start; there is one every second."""


def make_report_run(folder: Path, run: ReportRun = ReportRun(), jpeg_at: JpegAt | None = None) -> Path:
    """Write a run directory ``folder/NAME``, which is returned.

    Of every five segments one is anomalous, one failed, one damaged, and all others are described.
    """
    layout = RunLayout(folder / run.name, run.name)
    layout.keyframes.mkdir(parents=True)
    _manifest(run).write(layout.manifest)
    events = list(_events(run))
    lines = [
        EVENT.dump_json(replace(event, seq=seq, time="2026-01-01T00:00:00.000+00:00"))
        for seq, event in enumerate(events)
    ]
    layout.events.write_bytes(b"\n".join(lines) + b"\n")
    described = [place for place in range(run.segments) if _outcome(place) == "described"]
    write_annotations(layout.annotations, numbered([action for place in described for action in _actions(run, place)]))
    write_windows(layout, run)
    if run.keyframes:
        write_keyframes(layout.keyframes, run.segments * run.segment_s, jpeg_at or drawn)
    return layout.root


def write_windows(layout: RunLayout, run: ReportRun) -> None:
    """The three arrays: a window a second, of other work in anomalous segments."""
    count = max(1, int(run.segments * run.segment_s) - 2)
    generator = np.random.default_rng(0)
    usual, other = generator.standard_normal((2, *run.dims)).astype(np.float32)
    noise = generator.standard_normal((64, *run.dims)).astype(np.float32)
    mean = GrowingArray(layout.embeddings, run.dims[1:], "<f4")
    temporal = GrowingArray(layout.temporal, run.dims, "<f2")  # not mapped: its pages would count as this process's
    for window in range(count):
        is_other = int(window / run.segment_s) % EVERY_ANOMALOUS == EVERY_ANOMALOUS - 1
        tokens = (other if is_other else usual) + 0.3 * noise[window % 64]
        temporal.put(window, tokens)
        mean.put(window, tokens.mean(axis=0))
    mean.close()
    temporal.close()
    np.save(layout.timestamps, np.arange(count, dtype=np.float64))


def write_keyframes(folder: Path, seconds: float, jpeg_at: JpegAt) -> None:
    """A JPEG a second."""
    for second in range(int(seconds)):
        (folder / f"{second * 1000:010d}.jpg").write_bytes(jpeg_at(float(second)))


def jpeg(picture: np.ndarray) -> bytes:
    """An (H, W, 3) uint8 BGR picture, compressed."""
    return cv2.imencode(".jpg", picture)[1].tobytes()


def drawn(t_s: float) -> bytes:
    """A bench with something on it that moves."""
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), (70, 90, 110), np.uint8)
    x = 20 + int(t_s * 17) % (WIDTH_PX - 80)
    cv2.rectangle(picture, (x, 70), (x + 50, 120), (40, 160, 220), -1)
    cv2.putText(picture, f"{t_s:.0f}", (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (240, 240, 240), 2)
    return jpeg(picture)


def _outcome(place: int) -> str:
    return {1: "failed", 2: "skipped"}.get(place % EVERY_ANOMALOUS, "described")


def _manifest(run: ReportRun) -> Manifest:
    options: dict[str, Any] = Options(source=run.source).model_dump(mode="json")
    options["lens"]["rectify"] = False
    return Manifest(
        run_id="5406c1cfbd5d8241",
        state="finished" if run.finished else "running",
        started="2026-01-01T00:00:00.000+00:00",
        source=SourceRecord(
            name=run.source, size_bytes=1, edges_sha256="0" * 64, stream={"codec": "hevc", "fps": 30.0}
        ),
        intrinsics=None,
        options=options,
        encoder={"model": "grid"},
        annotator={"model": "test-model"},
        machine={"cores": 2},
        usage={"wall_s": 30.0, "dollars": 0.0017, "price_per_hour": 0.2, "processes": {}} if run.finished else {},
    )


def _events(run: ReportRun) -> Iterator[Event]:
    yield RunStarted(run_id="5406c1cfbd5d8241", source=run.source, stem=run.name, encoder="grid", annotator="openai")
    for place in range(run.segments):
        yield from _segment(run, place)
    seconds = run.segments * run.segment_s
    if run.stopped:
        yield RunFailed(reason=run.stopped, exit_code=143, decoded_s=seconds)
    elif run.finished:
        yield RunFinished(
            decoded_s=seconds, annotated_s=seconds, skipped_s=0.0, failed_s=0.0, damaged_s=0.0, frames=1,
            packets_lost=0, windows=1, segments=run.segments, anomalous=0, wall_s=30.0, exit_code=0,
        )  # fmt: skip


def _segment(run: ReportRun, place: int) -> Iterator[Event]:
    start_s, end_s = place * run.segment_s, (place + 1) * run.segment_s
    is_damaged, is_other = place % EVERY_ANOMALOUS == 3, place % EVERY_ANOMALOUS == EVERY_ANOMALOUS - 1
    segment_id = f"s{place:04d}"
    if is_damaged:
        yield SourceDamaged(t_start_s=start_s + 1, t_end_s=start_s + 1.5, reason=run.damage, packets=15)
    yield SegmentClosed(
        segment_id=segment_id, t_start_s=start_s, t_end_s=end_s, kind="anomalous" if is_other else "typical",
        closed_by="state_change", detected_at_s=end_s, windows=int(run.segment_s), score_mean=0.05,
        score_max=0.2 + place * 1e-5 if is_other else 0.06, theta_on=0.1, theta_off=0.08,
        period_s=None if is_other else 2.0, cycles=None if is_other else run.segment_s / 2,
        damaged_s=0.5 if is_damaged else 0.0, keyframes=int(run.segment_s), keyframe_width_px=WIDTH_PX,
        keyframe_height_px=HEIGHT_PX, frames_digest="0" * 64,
    )  # fmt: skip
    match _outcome(place):
        case "described":
            yield SegmentAnnotated(
                segment_id=segment_id, actions=2, subtasks=(run.subtask,), annotator="test-model", seconds=1.0
            )
        case "failed":
            yield SegmentFailed(segment_id=segment_id, reason=run.reason, annotator="test-model")
        case _:
            yield SegmentSkipped(segment_id=segment_id, reason="only anomalous segments are described")


def _actions(run: ReportRun, place: int) -> Sequence[Action]:
    start_s, segment_id = place * run.segment_s, f"s{place:04d}"
    middle_s, box = start_s + run.segment_s / 2, (20.0, 70.0, 70.0, 120.0)
    kind: Any = "anomalous" if place % EVERY_ANOMALOUS == EVERY_ANOMALOUS - 1 else "typical"
    thing = SceneObject(object_name=run.thing, bbox=box, rigid=True, keyframe_t_s=start_s + run.boxes_after_s)
    active = Action(
        action_id=1, t_start_s=start_s, t_end_s=middle_s, active=True, segment_id=segment_id, kind=kind,
        objects=(thing,),
        ecot=Ecot(scene=run.scene, subtask=f"{run.subtask} {place}", motion="down and around", prediction="it holds"),
    )  # fmt: skip
    later = {"t_start_s": middle_s, "t_end_s": start_s + run.segment_s}
    return active, active.model_copy(update={**later, "active": False, "objects": (), "ecot": None})

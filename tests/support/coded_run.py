"""A finished run of a clip whose every picture shows its own number, written without running the chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from stream.config import Options
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import UInt8
from stream.records.schema.annotations import Action, Ecot, SceneObject, numbered, write_annotations
from stream.records.schema.events import (
    EVENT,
    Event,
    RunFinished,
    RunStarted,
    SegmentAnnotated,
    SegmentFailed,
    SegmentSkipped,
)
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, SourceRecord
from stream.sources.table import open_clip
from stream.video.container import read_facts
from tests.support.clips import make_clip

WIDTH_PX, HEIGHT_PX = 128, 64
_BIT_PX = 16
_BITS = WIDTH_PX // _BIT_PX * 2
FPS = 20


@dataclass(frozen=True)
class CodedSegment:
    """One segment of a coded run."""

    t_start_s: float
    t_end_s: float
    kind: str = "typical"
    words: tuple[str, ...] = ()
    """The subtasks of its actions, of equal length; ``"idle"`` is an idle one. None: it was not described."""
    failed: str = ""


SEGMENTS = (
    CodedSegment(0.0, 1.5, words=("pick up the screw", "drive the screw in")),
    CodedSegment(1.5, 2.6, "anomalous", failed="the annotator gave no answer"),
    CodedSegment(2.6, 4.0, words=("idle",)),
)


SHORT = (
    CodedSegment(0.0, 0.3, words=SEGMENTS[0].words),
    CodedSegment(0.3, 0.6, "anomalous", failed="the annotator gave no answer"),
    CodedSegment(0.6, 0.9, words=("idle",)),
)
"""The same in few frames."""


def coded_pictures(count: int) -> list[UInt8]:
    """(64, 128, 3) uint8 pictures; 16 blocks are the bits of the picture's number."""
    return [_coded(number) for number in range(count)]


def number_of(picture: UInt8) -> int:
    """The number that a picture shows; also after compression."""
    gray = picture.astype(np.float64).mean(axis=2)
    bits = 0
    for bit in range(_BITS):
        row, column = divmod(bit, WIDTH_PX // _BIT_PX)
        block = gray[row * _BIT_PX : (row + 1) * _BIT_PX, column * _BIT_PX : (column + 1) * _BIT_PX]
        bits |= int(block.mean() > 128) << bit
    return bits


def numbers_in(video: Path) -> list[int]:
    """The numbers of all pictures of a video."""
    with av.open(str(video)) as container:
        return [
            number_of(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)) for frame in container.decode(video=0)
        ]


def make_coded_run(
    folder: Path,
    *,
    name: str = "clip",
    segments: Sequence[CodedSegment] = SEGMENTS,
    times_s: Sequence[float] | None = None,
    run_id: str = "5406c1cfbd5d8241",
    finished: bool = True,
) -> Path:
    """Write ``folder/NAME.mp4`` and its run directory ``folder/runs/NAME``, which is returned."""
    count = round(segments[-1].t_end_s * FPS) if times_s is None else len(times_s)
    clip = folder / f"{name}.mp4"
    if not clip.exists():
        make_clip(clip, pictures=coded_pictures(count), fps=FPS, times_s=times_s)
    layout = RunLayout(folder / "runs" / name, name)
    layout.root.mkdir(parents=True, exist_ok=True)
    _write_manifest(layout, clip, run_id)
    lines = [
        _started(layout, clip, run_id),
        *(each for number, seg in enumerate(segments) for each in _segment_events(number, seg)),
    ]
    if finished:
        lines.append(_finished(segments))
    numbered_lines = [EVENT.dump_json(_with_seq(event, seq)) for seq, event in enumerate(lines)]
    layout.events.write_bytes(b"\n".join(numbered_lines) + b"\n")
    write_annotations(layout.annotations, numbered([a for n, seg in enumerate(segments) for a in _actions(n, seg)]))
    return layout.root


def _coded(number: int) -> UInt8:
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), 60, np.uint8)
    for bit in range(_BITS):
        row, column = divmod(bit, WIDTH_PX // _BIT_PX)
        value = 230 if number >> bit & 1 else 20
        picture[row * _BIT_PX : (row + 1) * _BIT_PX, column * _BIT_PX : (column + 1) * _BIT_PX] = value
    return picture


def _write_manifest(layout: RunLayout, clip: Path, run_id: str) -> None:
    source = open_clip(str(clip))
    facts = read_facts(source)
    stream = {"codec": "hevc", "width_px": WIDTH_PX, "height_px": HEIGHT_PX, "fps": facts.fps}
    options = Options(source=str(clip)).model_dump(mode="json")
    options["lens"]["rectify"] = False
    Manifest(
        run_id=run_id,
        state="finished",
        started="2026-01-01T00:00:00.000+00:00",
        source=SourceRecord(
            name=str(clip), size_bytes=source.size_bytes, edges_sha256=source.edges_sha256(), stream=stream
        ),
        intrinsics=None,
        rectification={"rectified": False},
        options=options,
        encoder={"model": "grid"},
        annotator={"model": "test-model"},
    ).write(layout.manifest)


def _started(layout: RunLayout, clip: Path, run_id: str) -> Event:
    return RunStarted(run_id=run_id, source=str(clip), stem=layout.stem, encoder="grid", annotator="openai")


def _segment_events(number: int, segment: CodedSegment) -> "list[Event]":
    segment_id = f"s{number:04d}"
    closed = SegmentClosed(
        segment_id=segment_id,
        t_start_s=segment.t_start_s,
        t_end_s=segment.t_end_s,
        kind=segment.kind,  # type: ignore[arg-type]  # a word of the log
        closed_by="state_change",
        detected_at_s=segment.t_end_s,
        windows=2,
        score_mean=0.05,
        score_max=0.05 + 0.1 * number,
        theta_on=0.1,
        theta_off=0.08,
        period_s=None,
        cycles=None,
        damaged_s=0.0,
        keyframes=2,
        keyframe_width_px=WIDTH_PX * 2,
        keyframe_height_px=HEIGHT_PX * 2,
        frames_digest="0" * 64,
    )
    if segment.words:
        active = tuple(word for word in segment.words if word != "idle")
        annotated = SegmentAnnotated(
            segment_id=segment_id, actions=len(segment.words), subtasks=active, annotator="test-model"
        )
        return [closed, annotated]
    if segment.failed:
        return [closed, SegmentFailed(segment_id=segment_id, reason=segment.failed, annotator="test-model")]
    return [closed, SegmentSkipped(segment_id=segment_id, reason="annotator: none")]


def _actions(number: int, segment: CodedSegment) -> list[Action]:
    step_s = (segment.t_end_s - segment.t_start_s) / max(1, len(segment.words))
    actions = []
    for place, word in enumerate(segment.words):
        active = word != "idle"
        actions.append(
            Action(
                action_id=1,
                t_start_s=segment.t_start_s + place * step_s,
                t_end_s=segment.t_start_s + (place + 1) * step_s,
                active=active,
                objects=(SceneObject(object_name="screw", bbox=(20.0, 40.0, 60.0, 80.0), rigid=True),)
                if active
                else (),
                ecot=Ecot(scene="a bench", subtask=word, motion="down", prediction="it holds") if active else None,
                segment_id=f"s{number:04d}",
                kind=segment.kind,  # type: ignore[arg-type]  # a word of the log
            )
        )
    return actions


def _finished(segments: Sequence[CodedSegment]) -> Event:
    seconds = segments[-1].t_end_s
    return RunFinished(
        decoded_s=seconds, annotated_s=seconds, skipped_s=0.0, failed_s=0.0, damaged_s=0.0, frames=1, packets_lost=0,
        windows=1, segments=len(segments), anomalous=0, wall_s=1.0, exit_code=0,
    )  # fmt: skip


def _with_seq(event: Event, seq: int) -> Event:
    from dataclasses import replace

    return replace(event, seq=seq, time="2026-01-01T00:00:00.000+00:00")

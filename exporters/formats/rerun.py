"""Rerun recordings: one ``KEY.rrd`` an episode, with its video, lanes of segments and actions, scores, boxes and texts.

Source: the API of rerun-sdk 0.41: ``VideoStream`` takes the packets of the clip as they are, ``StateChange`` is a
lane of the state timeline.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from exporters.dataset.boxes import FrameBox, frame_boxes
from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Episode
from exporters.dataset.extra import require_extra
from exporters.dataset.record import episode_record, outdated
from exporters.dataset.rows import Row
from exporters.dataset.spans import action_spans
from stream.errors import NoRoomError
from stream.records.store.atomic import replace_file, replaced_when_whole

if TYPE_CHECKING:
    import rerun as rr

APPLICATION: Final = "egoclean-stream"
TIMELINE: Final = "video_time"
"""Seconds from the episode's start."""
CAMERA: Final = "camera"
BOXES: Final = "camera/objects"
LANES: Final = ("kind", "subtask")
_FILTERS: Final = MappingProxyType({"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb", "av1": ""})
"""What makes the packets of an MP4 those of a stream."""
_RERUN_NAMES: Final = MappingProxyType({"h264": "H264", "hevc": "H265", "av1": "AV1"})
COLORS: Final = MappingProxyType({"typical": 0x4477AAFF, "anomalous": 0xEE6677FF, "unknown": 0x999999FF})
_PACKETS_AT_ONCE: Final = 256
_FOOTER, _FOOTER_BYTES = b"RRF2FOOT", 12
"""The end of a recording: the footer's mark and four bytes (``re_log_encoding``, ``StreamFooter``)."""

require = partial(require_extra, "rerun", "rerun")


@dataclass(frozen=True, slots=True)
class LaneChange:
    """From a time on, a lane has this state; ``""`` is none."""

    t_s: float
    state: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One coded frame."""

    t_s: float
    content: bytes
    is_keyframe: bool


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``KEY.rrd``, each with its record in ``KEY.json``, and the version of Rerun in ``rerun.json``.

    Two recordings of equal content differ in bytes, because Rerun numbers its chunks by time and chance; so one that
    is there stays as it is.
    """
    import rerun as rr

    rr.set_strict_mode(True)
    for root, rows in data_set.roots(folder):
        for row, path in outdated(data_set, rows, root, lambda _, row: f"{row.episode.key}.rrd"):
            _write_episode(data_set, row, path)
        replace_file(root / "rerun.json", json.dumps({"rerun-sdk": version("rerun-sdk")}).encode() + b"\n")
        describe(root, data_set, rows, tags=("rerun",))


def lanes(episode: Episode) -> dict[str, list[LaneChange]]:
    """The changes of each lane, in order of time."""
    subtasks: list[LaneChange] = []
    for span in action_spans(episode, episode.fps):
        if subtasks and subtasks[-1].t_s == span.start / episode.fps:
            subtasks.pop()  # the end of the one before
        subtasks += [LaneChange(span.start / episode.fps, span.text), LaneChange(span.stop / episode.fps, "")]
    kinds = [LaneChange(0.0, episode.kind), LaneChange(episode.duration_s, "")]
    return dict(zip(LANES, (kinds, subtasks), strict=True))


def samples(clip: Path, codec: str) -> Iterator[Sample]:
    """The packets of a clip, as they are, in the form of a stream."""
    import av
    from av.bitstream import BitStreamFilterContext

    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        name = _FILTERS[codec]
        convert = BitStreamFilterContext(name, stream).filter if name else lambda packet: [packet]
        for packet in container.demux(stream):
            for part in convert(packet):
                if part.pts is not None and part.time_base is not None:
                    yield Sample(float(part.pts * part.time_base), bytes(part), bool(part.is_keyframe))


def _write_episode(data_set: DataSet, row: Row, path: Path) -> None:
    """Write one recording; it has its footer, by which viewers open it at once, when it is under its name."""
    import rerun as rr

    episode = row.episode
    with replaced_when_whole(path) as part:
        recording = rr.RecordingStream(APPLICATION, recording_id=episode.key)
        recording.save(part, default_blueprint=_blueprint(), write_footer=True)
        recording.send_recording_name(episode.key)
        _log_video(recording, data_set.clip(row), data_set.header.codec)
        _log_lanes(recording, episode)
        _log_scores(recording, episode)
        _log_boxes(recording, list(frame_boxes(data_set, row)), episode)
        _log_texts(recording, json.dumps(episode_record(data_set, row), indent=1), episode)
        recording.flush()
        recording.disconnect()
        _require_footer(part, path)


def _require_footer(part: Path, path: Path) -> None:
    """Rerun prints a failed write as a line of its log, and raises nothing.

    Raises:
        NoRoomError: the recording does not end with its footer.
    """
    with part.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _FOOTER_BYTES))
        is_whole = file.read().startswith(_FOOTER)
    if not is_whole:
        raise NoRoomError(f"Rerun could not write {path} to its end: free room on its disk, then repeat the command")


def _blueprint() -> "rr.blueprint.Blueprint":
    import rerun.blueprint as rrb

    return rrb.Blueprint(
        rrb.Vertical(
            rrb.Horizontal(
                rrb.Spatial2DView(origin=CAMERA, name="Camera"),
                rrb.Tabs(
                    rrb.TextLogView(origin="actions", name="Actions"),
                    rrb.TextDocumentView(origin="provenance", name="Provenance"),
                ),
                column_shares=[2, 1],
            ),
            rrb.StateTimelineView(origin="lanes", name="Segment and actions"),
            rrb.TimeSeriesView(origin="score", name="Score"),
            row_shares=[4, 1, 1],
        ),
        rrb.TimePanel(timeline=TIMELINE, state="collapsed"),
    )


def _log_video(recording: "rr.RecordingStream", clip: Path, codec: str) -> None:
    import rerun as rr

    recording.log(CAMERA, rr.VideoStream(codec=_RERUN_NAMES[codec]), static=True)
    remaining = samples(clip, codec)
    while some := list(islice(remaining, _PACKETS_AT_ONCE)):
        recording.send_columns(
            CAMERA,
            indexes=[rr.TimeColumn(TIMELINE, duration=[sample.t_s for sample in some])],
            columns=rr.VideoStream.columns(
                sample=[sample.content for sample in some],
                is_keyframe=[sample.is_keyframe for sample in some],
            ),
        )


def _log_lanes(recording: "rr.RecordingStream", episode: Episode) -> None:
    import rerun as rr

    colors = rr.StateConfiguration(values=list(COLORS), colors=np.array(list(COLORS.values()), np.uint32))
    recording.log("lanes/kind", colors, static=True)
    for name, changes in lanes(episode).items():
        for change in changes:
            recording.set_time(TIMELINE, duration=change.t_s)
            recording.log(f"lanes/{name}", rr.StateChange(state=change.state))


def _log_scores(recording: "rr.RecordingStream", episode: Episode) -> None:
    """The scores of the segment, as lines from its start to its end; nothing if they are not known."""
    import rerun as rr

    for name, score in (("mean", episode.score_mean), ("max", episode.score_max)):
        if score is not None:
            recording.log(f"score/{name}", rr.SeriesLines(names=name), static=True)
            recording.send_columns(
                f"score/{name}",
                indexes=[rr.TimeColumn(TIMELINE, duration=[0.0, episode.duration_s])],
                columns=rr.Scalars.columns(scalars=[score, score]),
            )


def _log_boxes(recording: "rr.RecordingStream", boxes: list[FrameBox], episode: Episode) -> None:
    """The boxes of each frame that has any, on that frame alone."""
    import rerun as rr

    by_frame: dict[int, list[FrameBox]] = {}
    for box in boxes:
        by_frame.setdefault(box.frame, []).append(box)
    for frame, its_boxes in by_frame.items():
        recording.set_time(TIMELINE, duration=frame / episode.fps)
        corners = [(box.x1_px, box.y1_px, box.x2_px, box.y2_px) for box in its_boxes]
        labels = [box.name for box in its_boxes]
        recording.log(BOXES, rr.Boxes2D(array=corners, array_format=rr.Box2DFormat.XYXY, labels=labels))
        if frame + 1 not in by_frame:
            recording.set_time(TIMELINE, duration=(frame + 1) / episode.fps)
            recording.log(BOXES, rr.Clear(recursive=False))


def _log_texts(recording: "rr.RecordingStream", record: str, episode: Episode) -> None:
    import rerun as rr

    for span in action_spans(episode, episode.fps):
        recording.set_time(TIMELINE, duration=span.start / episode.fps)
        words = [span.text, span.action.scene, span.action.motion, span.action.prediction]
        recording.log("actions", rr.TextLog("\n".join(filter(None, words)), level=rr.TextLogLevel.INFO))
    fenced = f"```json\n{record}\n```"
    recording.log("provenance", rr.TextDocument(fenced, media_type="text/markdown"), static=True)

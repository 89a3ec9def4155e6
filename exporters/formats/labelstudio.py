"""Label Studio: tasks with predictions to review, their clips, and the labelling interface.

Source: labelstud.io/tags/timelinelabels and /tags/video, and label-studio-sdk: ranges are frames from 1 on, both ends
included; boxes are percent of the picture. Free texts are regions' texts, so that the interface is the same for every
data set.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from exporters.dataset.boxes import FrameBox, frame_boxes
from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet, episode_facts
from exporters.dataset.episode import Episode
from exporters.dataset.rows import Row
from exporters.dataset.spans import action_spans
from exporters.dataset.store import link
from stream.records.store.atomic import replace_file, replaced_when_whole

MODEL_VERSION: Final = "egoclean-stream"
"""Of the predictions of an episode without an annotator: the detector's kind alone."""
INTERFACE: Final = """\
<View>
  <Header value="$key"/>
  <TimelineLabels name="kind" toName="video">
    <Label value="typical" background="#4477aa"/>
    <Label value="anomalous" background="#ee6677"/>
    <Label value="unknown" background="#999999"/>
  </TimelineLabels>
  <TimelineLabels name="action" toName="video">
    <Label value="active" background="#228833"/>
    <Label value="idle" background="#bbbbbb"/>
  </TimelineLabels>
  <Video name="video" value="$video" frameRate="$fps"/>
  <VideoRectangle name="box" toName="video"/>
  <Labels name="object" toName="video">
    <Label value="rigid" background="#66ccee"/>
    <Label value="deformable" background="#ccbb44"/>
  </Labels>
  <TextArea name="text" toName="video" perRegion="true" editable="true" rows="1"/>
</View>
"""
_CLIPS: Final = "clips"


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``clips/KEY.mp4``, ``interface.xml``, and ``tasks.json`` last."""
    for root, rows in data_set.roots(folder):
        for row in rows:
            link(data_set.clip(row), root / _CLIPS / f"{row.episode.key}.mp4")
        replace_file(root / "interface.xml", INTERFACE.encode())
        describe(root, data_set, rows, tags=("label-studio",))
        with replaced_when_whole(root / "tasks.json") as part, part.open("w") as file:
            for number, row in enumerate(rows):
                file.write(("[\n" if number == 0 else ",\n") + json.dumps(task(data_set, row)))
            file.write("\n]\n")


def task(data_set: DataSet, row: Row) -> dict[str, Any]:
    """One episode: its data, and one prediction of all regions."""
    facts = episode_facts(data_set, row)
    known = {name: "" if value is None else value for name, value in facts.items()}
    prediction = {
        "model_version": row.episode.annotator or MODEL_VERSION,
        "result": [result for name, results in _regions(data_set, row) for result in _with_id(name, results)],
    }
    video = f"/data/local-files/?d={_CLIPS}/{row.episode.key}.mp4"
    return {"data": {"video": video, **known}, "predictions": [prediction]}


def _regions(data_set: DataSet, row: Row) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The results of each region, by its id: what it is, and its text."""
    episode = row.episode
    yield "kind", [_timeline("kind", 0, episode.frames, episode.kind)]
    for number, span in enumerate(action_spans(episode, episode.fps)):
        label = "active" if span.action.active else "idle"
        where = _timeline("action", span.start, span.stop, label)
        yield f"action{number}", [where, _text(where, span.text)]
    for number, box in enumerate(frame_boxes(data_set, row)):
        place = _rectangle(episode, row, box)
        yield f"box{number}", [place, _text(place, box.name)]


def _with_id(name: str, results: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for result in results:
        yield {"id": name, "to_name": "video", "origin": "prediction", **result}


def _timeline(control: str, start: int, stop: int, label: str) -> dict[str, Any]:
    value = {"ranges": [{"start": start + 1, "end": stop}], "timelinelabels": [label]}
    return {"from_name": control, "type": "timelinelabels", "value": value}


def _rectangle(episode: Episode, row: Row, box: FrameBox) -> dict[str, Any]:
    """A box on one frame: ``enabled`` is false, so that it is not carried on to frames that nobody looked at."""
    across, down = 100.0 / row.clip.width_px, 100.0 / row.clip.height_px
    keyframe = {
        "frame": box.frame + 1,
        "time": box.frame / episode.fps,
        "enabled": False,
        "rotation": 0,
        "x": box.x1_px * across,
        "y": box.y1_px * down,
        "width": (box.x2_px - box.x1_px) * across,
        "height": (box.y2_px - box.y1_px) * down,
    }
    value = {
        "framesCount": episode.frames,
        "duration": episode.duration_s,
        "sequence": [keyframe],
        "labels": ["rigid" if box.rigid else "deformable"],
    }
    return {"from_name": "box", "type": "videorectangle", "value": value}


def _text(where: dict[str, Any], text: str) -> dict[str, Any]:
    """The text of a region, which repeats the region's place."""
    place = {name: value for name, value in where["value"].items() if name not in ("timelinelabels", "labels")}
    return {"from_name": "text", "type": "textarea", "value": {**place, "text": [text]}}

"""``export``: the formats in which people review, read by the programs that read them."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pympi
import pytest

from exporters.formats.rerun import samples
from tests.support.coded_run import FPS, CodedSegment, make_coded_run, numbers_in
from tests.support.exports import export


def tiers_of(path: Path) -> dict[str, list[tuple[int, int, str]]]:
    file = pympi.Eaf(str(path))
    return {name: sorted(file.get_annotation_data_for_tier(name)) for name in file.get_tier_names()}


def tasks_in(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "tasks.json").read_text())  # type: ignore[no-any-return]  # a list of tasks


def test_elan_has_a_tier_for_segments_subtasks_and_objects(exported: Path) -> None:
    assert tiers_of(exported / "eaf/clip-s0000.eaf") == {
        "segments": [(0, 1500, "typical")],
        "subtasks": [(0, 750, "pick up the screw"), (750, 1500, "drive the screw in")],
        "objects": [(0, 750, "screw"), (750, 1500, "screw")],
    }
    assert tiers_of(exported / "eaf/clip-s0001.eaf") == {
        "segments": [(0, 1100, "anomalous")],
        "subtasks": [],
        "objects": [],
    }


def test_elan_finds_the_clip_beside_its_file(exported: Path) -> None:
    (linked,) = pympi.Eaf(str(exported / "eaf/clip-s0000.eaf")).get_linked_files()
    clip = exported / "eaf" / linked["RELATIVE_MEDIA_URL"]
    assert numbers_in(clip) == list(range(30))


def test_no_two_annotations_of_elan_share_a_time_slot(exported: Path) -> None:
    root = ET.parse(exported / "eaf/clip-s0000.eaf").getroot()  # noqa: S314 - our own file
    used = [value for each in root.iter("ALIGNABLE_ANNOTATION") for name, value in each.items() if "SLOT" in name]
    slots = [slot.get("TIME_SLOT_ID") for slot in root.iter("TIME_SLOT")]
    assert sorted(used) == sorted(slots, key=str)
    times = [int(str(slot.get("TIME_VALUE"))) for slot in root.iter("TIME_SLOT")]
    assert times == sorted(times)


def test_elan_files_say_where_they_come_from(exported: Path) -> None:
    properties = dict(pympi.Eaf(str(exported / "eaf/clip-s0000.eaf")).properties)
    record = json.loads(properties["egoclean-stream"])
    assert (record["segment_id"], record["provenance"]["runs"][0]["clip"]) == ("s0000", "clip")


@pytest.mark.parametrize("words", ['<b> & "quoted" ]]>', "bell \x07, form feed \x0c, null \0", "naïve 螺丝 🪛"])
def test_elan_holds_any_words(tmp_path: Path, words: str) -> None:
    run = make_coded_run(tmp_path, segments=[CodedSegment(0.0, 0.5, words=(words,))])
    export("eaf", run, tmp_path / "set")
    legal = "".join(sign for sign in words if sign not in "\x07\x0c\0")
    assert tiers_of(tmp_path / "set/clip-s0000.eaf")["subtasks"] == [(0, 500, legal)]


def test_label_studio_gets_a_task_for_each_clip_with_its_own_rate(exported: Path) -> None:
    tasks = tasks_in(exported / "labelstudio")
    assert [task["data"]["key"] for task in tasks] == [f"clip-s{number:04d}" for number in range(3)]
    for task in tasks:
        data = task["data"]
        assert data["fps"] == FPS
        assert None not in data.values()
        clip = exported / "labelstudio" / data["video"].removeprefix("/data/local-files/?d=")
        assert len(numbers_in(clip)) == data["frames"]


def test_label_studios_ranges_are_frames_from_one_on_with_both_ends(exported: Path) -> None:
    described, failed, idle = (regions_of(task) for task in tasks_in(exported / "labelstudio"))
    assert [(name, value["ranges"], label(value)) for name, value in described if "timelinelabels" in value] == [
        ("kind", [{"start": 1, "end": 30}], "typical"),
        ("action", [{"start": 1, "end": 15}], "active"),
        ("action", [{"start": 16, "end": 30}], "active"),
    ]
    assert [value["text"] for name, value in described if name == "text"] == [
        ["pick up the screw"], ["drive the screw in"], ["screw"], ["screw"],
    ]  # fmt: skip
    assert [(name, label(value)) for name, value in failed] == [("kind", "anomalous")]
    assert [(name, label(value)) for name, value in idle if name == "action"] == [("action", "idle")]


def test_label_studios_boxes_are_percent_on_one_frame(exported: Path) -> None:
    described = regions_of(tasks_in(exported / "labelstudio")[0])
    boxes = [value for name, value in described if name == "box"]
    assert [box["sequence"][0]["frame"] for box in boxes] == [1, 16]
    (keyframe,) = boxes[1]["sequence"]
    place = {name: keyframe[name] for name in ("x", "y", "width", "height", "time", "enabled")}
    assert place == {
        "x": 20 / 2.56,
        "y": 40 / 1.28,
        "width": 40 / 2.56,
        "height": 40 / 1.28,
        "time": 0.75,
        "enabled": False,
    }


def test_every_label_is_in_label_studios_interface(exported: Path) -> None:
    interface = ET.parse(exported / "labelstudio/interface.xml").getroot()  # noqa: S314 - our own file
    labels = {each.get("value") for each in interface.iter("Label")}
    controls = {each.get("name") for each in interface.iter()}
    for task in tasks_in(exported / "labelstudio"):
        for name, value in regions_of(task):
            assert name in controls
            assert {*value.get("timelinelabels", []), *value.get("labels", [])} <= labels


def test_rerun_gets_the_packets_of_the_clip_as_a_stream(exported: Path, tmp_path: Path) -> None:
    clip = exported / "eaf/clip-s0001.mp4"
    stream = list(samples(clip, "h264"))
    assert [sample.t_s for sample in stream] == [number / FPS for number in range(22)]
    assert {0, 10, 20} <= {number for number, sample in enumerate(stream) if sample.is_keyframe}
    assert all(sample.content.startswith((b"\0\0\0\1", b"\0\0\1")) for sample in stream)
    raw = tmp_path / "stream.h264"
    raw.write_bytes(b"".join(sample.content for sample in stream))
    assert numbers_in(raw) == list(range(30, 52))


def regions_of(task: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    (prediction,) = task["predictions"]
    return [(result["from_name"], result["value"]) for result in prediction["result"]]


def label(value: dict[str, Any]) -> object:
    (text,) = value["timelinelabels"]
    return text

"""The origin of episodes: what a run's records say, also while it grows, and nothing of the machine."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporters.dataset.clips import lens_of
from exporters.dataset.provenance import origin_columns, run_facts
from exporters.dataset.store import RunFacts
from exporters.run_view import RunView
from stream.config import Options
from stream.detection.options import DetectorOptions
from stream.geometry.camera import fit_camera
from stream.geometry.frame_format import FrameFormat
from stream.geometry.frame_remap import lens_facts
from stream.geometry.full_frame import FullFrameRectifier
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.table import intrinsics_of
from stream.records import Manifest, RunLayout, SegmentAnnotated
from stream.records.schema.manifest import AnnotatedLater, SourceRecord
from tests.support.episodes import data_set, episode
from tests.support.episodes import run_facts as facts_of_clip

QWEN = {"model": "qwen", "revision": "c0ffee", "prompt": "annotate-v2"}
LENS = intrinsics_of(KannalaBrandt, (320, 200), (100.0, 100.0), (160.0, 100.0), (0.0, 0.0, 0.0, 0.0))


def manifest(name: str = "clip.mp4", **changes: Any) -> Manifest:  # noqa: ANN401 - any field
    values = {
        "run_id": "1", "state": "running", "started": "", "intrinsics": None,
        "source": SourceRecord(name=name, size_bytes=1), "options": Options(source=name).model_dump(mode="json"),
    }  # fmt: skip
    return Manifest.model_validate({**values, **changes})


def facts(records: Manifest, *annotators: str) -> RunFacts:
    outcomes = {
        f"s{number}": SegmentAnnotated(segment_id=f"s{number}", actions=1, annotator=name)
        for number, name in enumerate(annotators)
    }
    view = RunView(RunLayout(Path("clip"), "clip"), "grid", DetectorOptions(), records, outcomes=outcomes)
    return run_facts(view, {}, "")


def columns(run: RunFacts, **changes: object) -> dict[str, Any]:
    holding = data_set([episode(**changes)], [run])
    return origin_columns(holding.header, run, holding.rows[0])


def test_a_growing_run_names_the_models_that_its_manifest_lacks() -> None:
    found = facts(manifest(), "qwen", "qwen", "other")
    assert found.encoder == {"model": "grid"}
    assert found.annotators == ({"model": "qwen"}, {"model": "other"})


def test_a_finished_run_has_all_that_is_known_of_its_models() -> None:
    later = AnnotatedLater(time="", annotator={"model": "other", "revision": "b"})
    found = facts(manifest(annotator=QWEN, annotated_later=[later], encoder={"model": "vjepa"}), "qwen", "other")
    assert found.encoder == {"model": "vjepa"}
    assert found.annotators == (QWEN, {"model": "other", "revision": "b"})


def test_the_address_of_a_server_is_not_published() -> None:
    server = {"model": "qwen", "runtime": "openai 3.52.0 at http://10.0.0.7:8000/v1"}
    assert facts(manifest(annotator=server)).annotators == ({"model": "qwen", "runtime": "openai 3.52.0"},)


@pytest.mark.parametrize(
    ("name", "origin", "shown"),
    [
        ("/home/me/factory001/clip.mp4", None, "clip.mp4"),
        ("/home/me/part000.tar::inner/clip.mp4", None, "part000.tar::inner/clip.mp4"),
        ("hf://datasets/o/n@abc/a/clip.mp4", {"commit": "abc"}, "hf://datasets/o/n@abc/a/clip.mp4"),
    ],
)
def test_a_source_is_named_without_the_folders_of_the_machine(
    name: str, origin: dict[str, str] | None, shown: str
) -> None:
    records = manifest(name, source=SourceRecord(name=name, size_bytes=1, origin=origin))
    assert facts(records).source["name"] == shown


def test_a_row_has_prompt_and_revision_of_the_model_that_described_it() -> None:
    run = facts_of_clip(annotators=[QWEN, {"model": "other"}])
    found = columns(run, annotator="qwen")
    assert (found["annotator"], found["annotator_revision"], found["prompt"]) == ("qwen", "c0ffee", "annotate-v2")
    failed = columns(run, annotator="qwen", outcome="failed", actions=())
    assert (failed["annotator_revision"], failed["prompt"]) == ("", "")


def test_a_row_has_no_prompt_where_two_of_one_model_are_possible() -> None:
    run = facts_of_clip(annotators=[QWEN, {**QWEN, "prompt": "annotate-v3"}])
    found = columns(run, annotator="qwen")
    assert (found["annotator_revision"], found["prompt"]) == ("c0ffee", "")


def test_the_columns_of_an_origin_are_texts_and_a_number() -> None:
    types = {name: type(value) for name, value in columns(facts(manifest())).items()}
    assert types.pop("generated_pixels") is float
    assert set(types.values()) == {str}


@pytest.mark.parametrize(("rectify", "keyframes"), [(True, "rectified"), (False, "raw")])
def test_a_growing_run_has_the_pictures_that_its_options_ask_for(rectify: bool, keyframes: str) -> None:  # noqa: FBT001
    records = manifest(intrinsics=LENS.model_dump())
    records.options["lens"]["rectify"] = rectify
    assert lens_of(records, data_set([]).header) == {
        "picture": "rectified",
        "keyframes": keyframes,
        "intrinsics": LENS.model_dump(),
        "intrinsics_format": None,
    }


@pytest.mark.parametrize("longest_px", [None, 160])
def test_the_camera_matrix_is_that_of_the_exported_pictures(longest_px: int | None) -> None:
    camera = fit_camera(LENS, 320, 200, 0.0, 1.0)
    picture = FullFrameRectifier(FrameFormat(320, 200, "yuv420p", 0, 1, 1), camera, longest_px)
    records = manifest(rectification={"width": 320, "height": 200, **lens_facts(camera)})
    found = lens_of(records, data_set([], longest_px=longest_px).header)
    assert np.allclose(found["camera_matrix"], picture.matrix)
    assert (found["width_px"], found["height_px"]) == (picture.width, picture.height)

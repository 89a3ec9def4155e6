"""Where an export finds the clips of its runs, and what it says where it finds none."""

import json
from pathlib import Path

import pytest

from exporters.run_view import view_run
from stream.errors import InputError
from stream.records.schema.manifest import Manifest
from stream.sources.run_clip import ClipFinder
from tests.support.coded_run import CodedSegment, make_coded_run
from tests.support.data_hub import tar_bytes

SHORT = [CodedSegment(0.0, 0.5)]


def manifest_of(run: Path) -> Manifest:
    return view_run(run).records()


def change_manifest(run: Path, **changes: object) -> None:
    """Change fields of a run's source, and the option ``source`` if its name is one of them."""
    path = run / "run.json"
    content = json.loads(path.read_text())
    content["source"].update(changes)
    content["options"]["source"] = content["source"]["name"]
    path.write_text(json.dumps(content))


def test_a_clip_that_has_moved_is_found_by_its_name(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=SHORT)
    moved = tmp_path / "archive" / "2026"
    moved.mkdir(parents=True)
    (tmp_path / "clip.mp4").rename(moved / "clip.mp4")
    with pytest.raises(InputError, match=r"clip\.mp4 no longer exists: .*--clips"):
        ClipFinder().find(manifest_of(run))
    assert ClipFinder(tmp_path / "archive").find(manifest_of(run)).name == str(moved / "clip.mp4")


def test_another_clip_of_that_name_is_passed_over(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=SHORT)
    for place, extra in (("a", b"x"), ("b", b"")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "clip.mp4").write_bytes((tmp_path / "clip.mp4").read_bytes() + extra)
    (tmp_path / "a" / "inner" / "clip.mp4").mkdir(parents=True)  # a folder of the clip's name
    (tmp_path / "clip.mp4").unlink()
    assert ClipFinder(tmp_path).find(manifest_of(run)).name == str(tmp_path / "b" / "clip.mp4")
    with pytest.raises(InputError, match="is the same clip"):
        ClipFinder(tmp_path / "a").find(manifest_of(run))


def test_a_clip_that_was_replaced_is_named_or_found_elsewhere(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=SHORT)
    (tmp_path / "backup").mkdir()
    (tmp_path / "clip.mp4").rename(tmp_path / "backup" / "clip.mp4")
    (tmp_path / "clip.mp4").write_bytes(b"another recording")
    with pytest.raises(InputError, match="bytes have changed"):
        ClipFinder().find(manifest_of(run))
    source = ClipFinder(tmp_path / "backup").find(manifest_of(run))
    assert source.name == str(tmp_path / "backup" / "clip.mp4")


def test_a_member_of_a_tar_that_has_moved_is_found(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path, segments=SHORT)
    (tmp_path / "archive").mkdir()
    tar = tmp_path / "archive" / "part000.tar"
    tar.write_bytes(tar_bytes([("clip.mp4", (tmp_path / "clip.mp4").read_bytes())]))
    change_manifest(run, name=f"{tmp_path}/part000.tar::clip.mp4")
    assert ClipFinder(tmp_path / "archive").find(manifest_of(run)).name == f"{tar}::clip.mp4"


@pytest.mark.parametrize("name", ["rtsp://camera/stream", "-", "/dev/video0"])
def test_a_live_source_has_no_clip(tmp_path: Path, name: str) -> None:
    run = make_coded_run(tmp_path, segments=SHORT)
    change_manifest(run, name=name, size_bytes=None, edges_sha256=None)
    with pytest.raises(InputError, match="was a live source: there is no clip to read again"):
        ClipFinder(tmp_path).find(manifest_of(run))

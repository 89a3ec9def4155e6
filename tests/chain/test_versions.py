"""A run of a newer version is called newer by every command, and a missing file is one sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from stream.pipeline.codec import VERSION
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import FORMAT, CheckpointFiles, Totals
from tests.support.clips import make_clip
from tests.support.inline import run_here
from tests.support.runs import write_intrinsics

NEWER: Final = "was written by a newer version of egoclean-stream (format "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip and its finished run."""
    parent = tmp_path_factory.mktemp("versions")
    make_clip(parent / "clip.mp4", frames=120)
    write_intrinsics(parent)
    assert run_here(*RUN, cwd=parent).returncode == 0
    return parent


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


RUN: Final = ("clip.mp4", "--encoder", "grid", "--engine", "inline")
COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "run": RUN,
    "run --overwrite": (*RUN, "--overwrite"),
    "annotate": ("annotate", "runs/clip", "--annotator", "openai", "--annotator-url", "http://127.0.0.1:9/v1"),
    "tail": ("tail", "runs/clip"),
    "analyze": ("analyze", "runs/clip"),
    "eval": ("eval", "runs/clip", "truth.json"),
    "eval of a folder": ("eval", "runs", "truth.json"),
    "health": ("health", "runs/clip"),
    "show": ("show", "runs/clip"),
    "report": ("report", "runs/clip", "--out", "report.html"),
    "export": ("export", "webdataset", "runs/clip", "--to", "data"),
}


def set_version(path: Path, line: int = 0) -> None:
    """Make a record, or a line of an event log, one of format 2, in a shape that this version does not know."""
    lines = path.read_text().splitlines(keepends=True) if path.suffix == ".jsonl" else [path.read_text()]
    lines[line] = json.dumps({"v": 2, "event": "run.began", "detail": json.loads(lines[line])}) + "\n"
    path.write_text("".join(lines))


FILES: Final[dict[str, Callable[[Path], None]]] = {
    "events.jsonl": set_version,
    "run.json": set_version,
    "health.json": set_version,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_newer_run_is_called_newer(copy: Path, command: str, name: str) -> None:
    """By every command, whichever file is newer; nothing is damaged, begun anew or removed."""
    (copy / "truth.json").write_text("[]")
    run_dir = copy / "runs" / "clip"
    FILES[name](run_dir / name)
    before = {path: path.read_bytes() for path in run_dir.iterdir() if path.is_file()}
    result = run_here(*COMMANDS[command], cwd=copy)
    message = (result.stdout if command == "health" else result.stderr).strip()
    assert result.returncode == (1 if command == "health" else 2), message
    assert message.count("\n") == 0
    assert "damaged" not in message
    if command == "run --overwrite":
        assert "would remove runs/clip, a run of a newer version with " in message
        assert f"({name} is of a newer version): add --yes to agree" in message
    else:
        assert f"runs/clip/{name} {NEWER}2; this version reads up to 1): use that version" in message
        assert "overwrite" not in message
    assert {path: path.read_bytes() for path in run_dir.iterdir() if path.is_file()} == before


def test_a_newer_line_in_the_middle_is_called_newer(copy: Path) -> None:
    """A newer version may have annotated a run that this one has made."""
    set_version(copy / "runs" / "clip" / "events.jsonl", line=-1)
    (copy / "truth.json").write_text("[]")
    result = run_here(*COMMANDS["eval"], cwd=copy)
    assert (result.returncode, result.stderr.count(NEWER)) == (2, 1)


@pytest.mark.parametrize("place", ["codec", "format"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_newer_checkpoint_is_called_newer(copy: Path, place: str, *, overwrite: bool) -> None:
    """Of an interrupted run: it is neither resumed nor removed."""
    layout = RunLayout(copy / "runs" / "clip", "clip")
    interrupt(layout, place)
    before = layout.events.read_bytes()
    result = run_here(*COMMANDS["run --overwrite" if overwrite else "run"], cwd=copy)
    assert result.returncode == 2
    assert ("0.state is of a newer version): add --yes" if overwrite else f"0.state {NEWER}") in result.stderr
    assert layout.events.read_bytes() == before


def interrupt(layout: RunLayout, place: str) -> None:
    """Take the run's end away, and give it a checkpoint of a newer format, or in a newer codec."""
    lines = layout.events.read_text().splitlines(keepends=True)
    layout.events.write_text("".join(line for line in lines if "run.finished" not in line))
    manifest = json.loads(layout.manifest.read_text())
    layout.manifest.write_text(json.dumps({**manifest, "state": "running"}))
    layout.checkpoints[0].parent.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        if place == "format":
            patch.setattr("stream.records.store.checkpoint.FORMAT", FORMAT + 1)
        else:
            patch.setattr("stream.pipeline.codec.VERSION", VERSION + 1)
        CheckpointFiles(layout, 1).write(1.0, Totals(0, [], 0, 0.0), {}, durably=False)


def test_a_newer_record_of_a_batch_is_not_replaced(copy: Path) -> None:
    """``series.json`` is named before the first clip is begun."""
    shutil.copy(copy / "clip.mp4", copy / "other.mp4")
    record = copy / "runs" / "series.json"
    record.write_text('{"v": 2, "results": {}}')
    result = run_here(RUN[0], "other.mp4", *RUN[1:], cwd=copy)
    assert result.returncode == 2
    assert f"runs/series.json {NEWER}2" in result.stderr
    assert record.read_text() == '{"v": 2, "results": {}}'


MISSING: Final = (
    "events.jsonl", "run.json", "health.json", "clip_annotations.json", "clip_emb.npy", "clip_temb.npy", "clip_ts.npy",
)  # fmt: skip


READ: Final = {
    "run": MISSING,
    "annotate": MISSING,
    "analyze": ("events.jsonl", "run.json", "clip_emb.npy", "clip_temb.npy", "clip_ts.npy"),
    "eval": ("events.jsonl", "run.json"),
    "health": ("events.jsonl", "run.json", "health.json"),
    "show": MISSING,
}
"""The files that a command may need."""


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(("command", "name"), [(command, name) for command, names in READ.items() for name in names])
def test_a_missing_file_is_no_internal_error(copy: Path, command: str, name: str) -> None:
    """A documented exit code, and at most one sentence on standard error."""
    (copy / "truth.json").write_text("[]")
    (copy / "runs" / "clip" / name).unlink()
    result = run_here(*COMMANDS[command], cwd=copy)
    assert result.returncode in (0, 1, 2, 3, 4, 5), result.stderr
    if result.returncode:
        assert (result.stderr or result.stdout).count("\n") == 1, result.stderr
    if (command, name) == ("annotate", "run.json"):
        assert "runs/clip/run.json is missing" in result.stderr
    if (command, name) == ("analyze", "clip_ts.npy"):
        assert "runs/clip holds no windows" in result.stderr

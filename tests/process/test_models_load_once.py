"""A model is loaded once for all clips of a command, one after the other and at a time, and for all runs of another."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stream.records.schema import events
from stream.records.store.event_log import read_events
from tests.support.clips import make_clip
from tests.support.inline import run_here, run_inline
from tests.support.made_once import MadeOnce
from tests.support.runs import DEADLINE_S, manifest, program, write_intrinsics
from tests.support.tiny_models import save_tiny_vjepa2
from tests.support.tiny_qwen import save_tiny_qwen

_DEADLINE_S = 4 * DEADLINE_S
"""Two processes import torch, and each loads a model."""


@pytest.fixture(scope="module")
def folder(made_once: MadeOnce) -> Path:
    """Two clips, each with one segment, and both models."""

    def make(folder: Path) -> None:
        write_intrinsics(folder)
        for name in ("a", "b"):
            make_clip(folder / f"{name}.mp4", frames=90)
        save_tiny_qwen(folder / "qwen", "qwen2_5_vl")
        save_tiny_vjepa2(folder / "vjepa2", encoder_px=64)

    return made_once("loaded", make)


def loads(out: Path, process: str, model: str) -> list[float]:
    """The seconds of the model's load in each run."""
    return [manifest(out / name)["usage"]["processes"][process][f"{model}_load_s"] for name in ("a", "b")]


def run(folder: Path, out: Path, *more: str) -> None:
    """Run the clips with both models; every segment is settled."""
    words: tuple[Any, ...] = (
        *(folder / f"{name}.mp4" for name in ("a", "b")),
        *(
            "--encoder",
            "vjepa2",
            "--encoder-model",
            folder / "vjepa2",
            "--window",
            "16@8",
            "--encoder-batch",
            "2",
            "--keyframe-px",
            "64",
        ),
        *("--annotator", "qwen", "--annotator-model", folder / "qwen", "--annotator-max-wait-s", "0"),
        *("--out", out, *more),
    )
    result = subprocess.run(program(*words), capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    assert result.returncode == 0, result.stderr
    for name in ("a", "b"):
        outcomes = [event for event in read_events(out / name / "events.jsonl") if isinstance(event, events.Outcome)]
        assert [type(event) for event in outcomes] == [events.SegmentAnnotated]


@pytest.fixture(scope="module")
def in_turn(folder: Path, made_once: MadeOnce) -> Path:
    """The runs of the clips, one after the other."""
    return made_once("in_turn", partial(run, folder))


def test_one_after_the_other(in_turn: Path) -> None:
    """The first run has the loads in its usage."""
    for process, model in (("encode", "encoder"), ("annotate", "annotator")):
        first, *others = loads(in_turn, process, model)
        assert (first > 0.0, others) == (True, [0.0])


def test_at_a_time(folder: Path, in_turn: Path, tmp_path: Path) -> None:
    """Whichever run asked first has the load, the machine's price is shared, and no bit depends on the other clips."""
    run(folder, tmp_path, "--jobs", "2", "--deterministic")
    for process, model in (("encode", "encoder"), ("annotate", "annotator")):
        assert sum(load_s > 0.0 for load_s in loads(tmp_path, process, model)) == 1
    for name in ("a", "b"):
        assert (tmp_path / name / f"{name}_emb.npy").read_bytes() == (in_turn / name / f"{name}_emb.npy").read_bytes()
    usage = manifest(tmp_path / "a")["usage"]
    assert usage["dollars"] == pytest.approx(usage["wall_s"] / 3600 * usage["price_per_hour"] / 2, abs=2e-6)


def test_runs_that_are_described_later(folder: Path, tmp_path: Path) -> None:
    """``annotate RUN...`` loads it for the first one; a run that cannot be described does not stop the others."""
    clips = [folder / f"{name}.mp4" for name in ("a", "b")]
    assert run_inline(*clips, "--encoder", "grid", "--keyframe-px", "64", "--out", tmp_path).returncode == 0
    runs = [tmp_path / name for name in ("a", "missing", "b")]
    result = run_here("annotate", *runs, "--annotator", "qwen", "--annotator-model", folder / "qwen")
    assert result.returncode != 0
    assert "missing holds no finished run" in result.stderr + result.stdout
    assert result.stdout.splitlines()[-1].startswith("2 of 3 runs done, 1 failed;")
    first, *others = [manifest(tmp_path / name)["annotated_later"][0]["annotator"]["load_s"] for name in ("a", "b")]
    assert (first > 0.0, others) == (True, [0.0])

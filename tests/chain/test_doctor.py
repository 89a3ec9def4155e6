"""The doctor on real clips, as a command."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from stream.config import Options
from stream.doctor.clip import PlannedRun
from stream.errors import ExitCode
from tests.support.clips import make_clip
from tests.support.inline import run_here, run_inline
from tests.support.runs import write_intrinsics
from tests.support.tiny_qwen import save_tiny_qwen

GRID = ("--encoder", "grid")

pytestmark = pytest.mark.slow  # the plan of an encoder with weights needs torch


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=180, key_every=30)


def test_good_clip_on_this_machine(clip: Path, tmp_path: Path) -> None:
    """Where a run would end well nothing fails, every line says ok or warn, and nothing is written."""
    result = run_here("doctor", clip, *GRID, "--out", tmp_path / "runs")
    assert (result.returncode, result.stderr) == (0, "")
    *lines, last = result.stdout.splitlines()
    levels = {line[5:24].strip(): line[:5].strip() for line in lines}
    assert {levels[name] for name in ("hevc", "source", "stream", "lens", "encoder", "size", "speed")} == {"ok"}
    assert set(levels.values()) <= {"ok", "warn"}
    assert last.endswith(f"{list(levels.values()).count('ok')} ok")
    assert "problem" not in last
    assert "hevc, 128x96, 30.00 fps" in result.stdout
    assert not (tmp_path / "runs").exists()


def test_a_slow_machine_has_a_speed(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial lasts until the first picture, however long that takes."""
    monkeypatch.setattr("stream.doctor.clip._SAMPLE_S", -1.0)
    result = run_here("doctor", clip, *GRID, "--out", tmp_path / "runs")
    assert result.returncode == 0
    assert "x real time here" in result.stdout


def test_a_folder_has_a_plan(clip: Path, tmp_path: Path) -> None:
    """Several clips, also in a tar: how many, how long, what they take; one that cannot be read fails, and is first."""
    for name in ("a", "b"):
        shutil.copy(clip, tmp_path / f"{name}.mp4")
    (tmp_path / "bad.mp4").write_text("no video at all\n" * 500)
    with tarfile.open(tmp_path / "part.tar", "w") as tar:
        tar.add(clip, "c.mp4")
    write_intrinsics(tmp_path)
    result = run_here("doctor", tmp_path, *GRID, "--price-per-hour", "3600", "--jobs", "2", "--out", tmp_path / "runs")
    first, *lines, last = result.stdout.splitlines()
    assert result.returncode == ExitCode.INPUT
    assert first.startswith(f"FAIL  clip               {tmp_path}/bad.mp4 is not a video")
    assert "ok    clips              4 clips, 0:00:18.0 of video" in lines
    (plan,) = [line for line in lines if line.startswith("ok    plan ")]
    assert re.search(
        r"3 clips in about 0:\d\d:\d\d, one after the other \(--jobs 2 takes less .*\); \$\d+\.\d\d at \$3600", plan
    )
    assert last.startswith("1 problem, ")


def test_json_has_the_same_figures(tmp_path: Path) -> None:
    """With --json one object holds every check, and the exit code; without a clip only the machine is looked at."""
    result = run_here("doctor", *GRID, "--out", tmp_path, "--json")
    report = json.loads(result.stdout)
    assert report["exit_code"] == result.returncode == 0
    names = [check["name"] for check in report["checks"]]
    assert names[:4] == ["python", "packages", "hevc", "hardware decoders"]
    assert "source" not in names
    assert set(report["checks"][0]) == {"name", "level", "message", "hint", "exit_code"}


@pytest.mark.parametrize("fault", ["clip", "lens", "lens in shares", "model", "out"])
def test_exit_code_is_the_runs(tmp_path: Path, fault: str) -> None:
    """With a bad clip, calibration, model or place the doctor ends with the code and the reason of the run."""
    clip = make_clip(tmp_path / "clip.mp4", frames=20)
    lens: dict[str, dict[str, object]] = {
        "lens": {"k1": None},
        "lens in shares": {"fx": 0.3, "fy": 0.4, "cx": 0.5, "cy": 0.5},
    }
    write_intrinsics(tmp_path, **lens.get(fault, {}))
    words: list[str | Path] = [clip, "--out", tmp_path / "runs", *GRID]
    match fault:
        case "clip":
            clip.write_bytes(b"no video" * 100)
        case "model":
            (tmp_path / "empty").mkdir()
            words = [*words[:3], "--encoder", "vjepa2", "--encoder-model", tmp_path / "empty"]
        case "out":
            (tmp_path / "runs").touch()
    run, doctor = run_inline(*words), run_here("doctor", *words)
    assert doctor.returncode == run.returncode != 0
    (failed,) = [line for line in doctor.stdout.splitlines() if line.startswith("FAIL")]
    if fault != "out":
        assert run.stderr.removeprefix("egoclean-stream: ").strip() in failed


@pytest.mark.parametrize("named", ["someone/qwen", None], ids=["by its name", "the default"])
def test_annotator_is_in_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    """An annotator that lies in the hub's cache, by its name or as the default, has its share in the plan."""
    from models.annotators.qwen.spec import SPEC

    name, _, commit = (named or SPEC.default_model or "").partition("@")
    cache = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
    save_tiny_qwen(cache / "snapshots" / (commit or "c" * 40), "qwen2_5_vl")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("c" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    words = ("--annotator-model", named) if named else ()
    result = run_here("doctor", *GRID, "--annotator", "qwen", *words, "--vram-budget-gib", "23", "--out", tmp_path)
    (report,) = [line for line in result.stdout.splitlines() if line[5:].startswith(" vram ")]
    assert (result.returncode, report[:5].strip()) == (0, "ok"), result.stdout
    assert "annotate 23.0 GiB at most" in report


def test_expected_size_is_an_upper_bound(clip: Path, tmp_path: Path) -> None:
    """A run takes no more than was expected of it, and not much less than its arrays alone."""
    case = PlannedRun(Options(source=str(clip)).replace({"encoder.name": "grid", "output.folder": tmp_path}))
    assert run_inline(clip, *GRID, "--out", tmp_path).returncode == 0
    files = [path for path in (tmp_path / "clip").rglob("*") if path.is_file() and path.suffix != ".json"]
    size_bytes = sum(path.stat().st_size for path in files)
    assert case.expected_bytes is not None
    assert size_bytes <= case.expected_bytes <= 2 * size_bytes

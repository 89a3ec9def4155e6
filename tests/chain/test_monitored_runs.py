"""The health of a run: the heartbeat file, the command `health`, and a port for metrics that is in use."""

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
from click.testing import CliRunner, Result

from stream.commands.health import began_at, health
from stream.records.schema import events
from stream.records.schema.generate import schemas
from stream.records.schema.health import Health, now
from tests.support.at_event import at_event
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import write_intrinsics

GRID = ("--encoder", "grid")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=180, key_every=30)


def read_health(run_dir: Path) -> dict[str, Any]:
    """``health.json``, which is valid whenever it is looked at."""
    report: dict[str, Any] = json.loads((run_dir / "health.json").read_text())
    jsonschema.Draft202012Validator(schemas()["health"]).validate(report)
    return report


def health_of(*args: str | Path) -> Result:
    """What `health` prints, and its exit code."""
    return CliRunner().invoke(health, [*map(str, args)])


@pytest.mark.slow
def test_heartbeat_lasts_to_the_end(clip: Path, tmp_path: Path) -> None:
    """A finished run is healthy and reports what it decoded; a stopped one is unhealthy and reports why."""
    assert run_inline(clip, *GRID, "--out", tmp_path).returncode == 0
    last = read_health(tmp_path / "clip")
    assert (last["state"], last["exit_code"], last["decoded_s"], last["windows"]) == ("finished", 0, 6.0, 4)
    assert health_of(tmp_path).exit_code == 0
    while_it_runs = []

    def stop() -> None:
        while_it_runs.append(health_of(tmp_path / "clip").exit_code)
        signal.raise_signal(signal.SIGTERM)

    with at_event(events.Checkpoint, stop):
        assert run_inline(clip, *GRID, "--out", tmp_path, "--loop", "--overwrite").returncode == 143
    assert while_it_runs == [0]
    last = read_health(tmp_path / "clip")
    assert (last["state"], last["reason"], last["exit_code"]) == ("failed", "stopped by SIGTERM", 143)
    result = health_of(tmp_path)
    assert (result.exit_code, result.output) == (1, f"{tmp_path / 'clip'}: stopped by SIGTERM\n")


def test_health_looks_at_the_newest_run(tmp_path: Path) -> None:
    """For a folder of runs, `health` reports the newest; it exits with 1 if there is none, or if the file is torn."""
    assert health_of(tmp_path / "nowhere").exit_code == 1
    for name, state, heard_at in (("a", "running", 2000), ("b", "failed", 1000)):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "health.json"
        Health.model_validate({"time": now().isoformat(), "state": state, "decoded_s": 1, "windows": 1}).write(path)
        os.utime(path, (heard_at, heard_at))
    result = health_of(tmp_path)
    assert (result.exit_code, result.output) == (0, f"{tmp_path / 'a'}: running, 1.0 s decoded, 1 window embedded\n")
    (tmp_path / "a" / "health.json").write_text("{")
    assert health_of(tmp_path).exit_code == 1


def test_start_of_the_main_process_is_the_kernels(tmp_path: Path) -> None:
    """A container starts with its process 1, and `--since-start` counts from there."""
    psutil.boot_time()  # psutil 7.0 remembers it from before the clock was set
    assert abs(began_at().timestamp() - psutil.Process(1).create_time()) < 2.0
    result = health_of("--since-start", tmp_path)
    assert (result.exit_code, result.output) == (0, f"{tmp_path}: no run has begun since the container started\n")


def test_port_that_is_taken_is_a_usage_error(clip: Path, tmp_path: Path) -> None:
    """If the port is in use, the run ends before it writes anything, with 2 and a sentence that names the port."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        result = run_inline(clip, *GRID, "--out", tmp_path, "--metrics-port", str(port))
    assert result.returncode == 2
    assert f"127.0.0.1:{port}" in result.stderr
    assert "--metrics-port" in result.stderr
    assert not (tmp_path / "clip" / "events.jsonl").exists()


@pytest.mark.slow
def test_run_outlives_a_heartbeat_that_cannot_be_written(clip: Path, tmp_path: Path) -> None:
    """If the heartbeat cannot be written, the run still ends well; the missing file shows that something is wrong."""
    (tmp_path / "clip" / "health.json.part").mkdir(parents=True)
    assert run_inline(clip, *GRID, "--out", tmp_path).returncode == 0
    assert not (tmp_path / "clip" / "health.json").exists()

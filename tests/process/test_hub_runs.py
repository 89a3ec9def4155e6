"""Runs of clips on the hub: their records, the messages to the user, and how a run resumes after a fault."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, TypeAlias

import pytest

from stream.config import Options
from stream.doctor.clip import PlannedRun, reading
from stream.errors import ExitCode
from stream.run.prepare import prepare
from stream.sources.remote.address import parse_address
from stream.sources.remote.file import BLOCK_BYTES
from stream.sources.remote.storage import pinned_commit
from stream.sources.sidecar import Sidecar
from tests.support.data_hub import EGO_100K, clip_bytes, tar_bytes, worker_repo
from tests.support.hub_listings import COMMIT, sha256
from tests.support.hub_server import TOKEN, Fault, Hub, point_client_at, serving
from tests.support.inline import run_here, run_inline
from tests.support.runs import manifest

LATER_COMMIT = "f" * 40
CLIP = EGO_100K.clip(2)
STEM = EGO_100K.stem.format(2)
GRID = ("--encoder", "grid")


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip of two seconds and of several blocks."""
    return clip_bytes(tmp_path_factory.mktemp("made"), frames=60, noise=True)


@pytest.fixture
def hub(noisy: bytes) -> Iterator[Hub]:
    """A hub with one worker's folder."""
    with serving(worker_repo(EGO_100K, noisy)) as hub:
        yield hub


def middle(hub: Hub, noisy: bytes) -> int:
    """Where a block of the noisy clip begins in its shard that is read for decoding alone."""
    start = hub.repos[0].files[f"{EGO_100K.folder}/{EGO_100K.shard}"].index(noisy)
    assert len(noisy) > 5 * BLOCK_BYTES
    return start + 3 * BLOCK_BYTES


Program: TypeAlias = Callable[..., CompletedProcess[str]]


@pytest.fixture
def run(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program in this process with this hub, its cache and its results below ``tmp_path``."""
    point_client_at(hub, tmp_path, monkeypatch)

    def run(*args: str | Path) -> CompletedProcess[str]:
        pinned_commit.cache_clear()  # as in a new process
        is_other_command = args[0] in ("rectify", "check-rectify")
        return run_here(*args) if is_other_command else run_inline(*args)

    return run


def series(home: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((home / "runs" / "series.json").read_text())
    return record


def test_a_clip_is_run_where_it_lies(
    run: Program, hub: Hub, tmp_path: Path, noisy: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named by its commit; bytes are counted; a busy hub is waited for and the user told; no token is written."""
    hub.repos[0].access = "private"
    hub.faults = {EGO_100K.shard: [Fault(status=429, headers={"Retry-After": "0"}, first_byte=middle(hub, noisy))]}
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    result = run(CLIP, *GRID)
    assert (result.returncode, result.stderr) == (0, "")
    assert "the hub limits the rate of requests: trying again in 1 s" in result.stdout
    source = manifest(tmp_path / "runs" / STEM)["source"]
    shard = hub.repos[0].files[f"{EGO_100K.folder}/{EGO_100K.shard}"]
    assert source["name"] == str(parse_address(CLIP).at(COMMIT))
    assert (source["origin"]["oid"], source["origin"]["offset"]) == (sha256(shard), shard.index(noisy))
    assert source["sha256"] is None
    assert len(noisy) < source["fetched_bytes"] < len(shard) + len(noisy)
    assert source["sidecar"] == {**asdict(Sidecar(f"{STEM}.json")), "disagreements": []}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(TOKEN.encode() not in path.read_bytes() for path in files)
    assert max(path.stat().st_size for path in files) < len(noisy)


def test_a_resumed_run_stays_at_its_commit(run: Program, hub: Hub, tmp_path: Path, noisy: bytes) -> None:
    """A fault ends it with 3; the same command keeps the commit it began with; --overwrite takes the newest."""
    hub.faults = {
        EGO_100K.shard: [Fault(status=404, headers={"X-Error-Code": "EntryNotFound"}, first_byte=middle(hub, noisy))]
    }
    result = run(CLIP, *GRID)
    assert result.returncode == ExitCode.INPUT
    assert result.stderr.count("cannot be read: ") == 1
    assert manifest(tmp_path / "runs" / STEM)["state"] == "failed"
    hub.repos[0].commit, hub.repos[0].earlier = LATER_COMMIT, (COMMIT,)
    assert run(CLIP, *GRID).returncode == 0
    source = manifest(tmp_path / "runs" / STEM)["source"]
    assert (source["origin"]["commit"], source["origin"]["revision"]) == (COMMIT, None)
    pinned_commit.cache_clear()
    options = Options(source=CLIP).replace({"encoder.name": "grid", "output.folder": tmp_path / "runs"})
    assert COMMIT in prepare(options).options.source
    assert COMMIT in prepare(options.model_copy(update={"source": str(parse_address(CLIP).at(COMMIT))})).source.name
    assert LATER_COMMIT in prepare(options.replace({"output.overwrite": True})).source.name


def test_every_clip_of_a_worker_has_its_line(run: Program, hub: Hub, tmp_path: Path) -> None:
    """One that is none does not stop the others, and series.json says what became of each."""
    clip = clip_bytes(tmp_path, frames=20)
    members = [("a.mp4", clip), ("b.mp4", b"no video" * 100), ("c.mp4", clip)]
    hub.repos[0].files[f"{EGO_100K.folder}/{EGO_100K.shard}"] = tar_bytes(members)
    result = run(EGO_100K.worker, *GRID)
    assert result.returncode == ExitCode.INPUT
    assert result.stdout.splitlines()[-1].startswith("2 of 3 clips done, 1 failed;")
    record = series(tmp_path)
    assert [line["clip"] for line in record["clips"]] == [f"{EGO_100K.tar}::{name}" for name, _ in members]
    assert [line["exit_code"] for line in record["clips"]] == [0, 3, 0]
    assert [line["run_dir"] for line in record["clips"]] == ["runs/a", None, "runs/c"]
    assert all(line["wall_s"] > 0 for line in record["clips"])
    assert record["left"] == []


@pytest.mark.parametrize(
    ("command", "output_name"), [("rectify", f"made/{STEM}_rectified.mp4"), ("check-rectify", "made/sheet.png")]
)
def test_every_command_reads_there(run: Program, hub: Hub, tmp_path: Path, command: str, output_name: str) -> None:
    """Whatever takes a clip takes one on the hub, with the calibration beside its shard."""
    hub.repos[0] = worker_repo(EGO_100K, clip_bytes(tmp_path, frames=20))
    args = ("--preset", "ultrafast", "--out", "made") if command == "rectify" else ("--out", output_name)
    result = run(command, CLIP, *args)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / output_name).is_file()


def test_doctor_reads_there(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checks of a clip are those of any other."""
    point_client_at(hub, tmp_path, monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pinned_commit.cache_clear()
    checks = list(
        reading(PlannedRun(Options(source=CLIP).replace({"encoder.name": "grid", "output.folder": tmp_path})))
    )
    assert [(check.name, check.level) for check in checks] == [
        ("source", "ok"),
        ("stream", "ok"),
        ("lens", "ok"),
        ("decoder", "ok"),
        ("sidecar", "ok"),
    ]


def test_a_download_is_recorded_with_its_hash(run: Program, hub: Hub, tmp_path: Path, noisy: bytes) -> None:
    """--cache-source serves where ranges are not to be had, and the clip's own hash is known."""
    hub.ranges = False
    assert run(CLIP, "--cache-source", *GRID).returncode == 0
    source = manifest(tmp_path / "runs" / STEM)["source"]
    assert source["sha256"] == sha256(noisy)
    assert source["fetched_bytes"] >= len(hub.repos[0].files[f"{EGO_100K.folder}/{EGO_100K.shard}"])


def test_a_series_reports_what_the_hub_answered(run: Program, hub: Hub, tmp_path: Path) -> None:
    """A shard that was refused while clips were looked for has its line, its code and the reason; others are run."""
    clip = clip_bytes(tmp_path, frames=20)
    hub.repos[0].files[f"{EGO_100K.folder}/{EGO_100K.shard}"] = tar_bytes([("a.mp4", clip)])
    hub.repos[0].files[f"{EGO_100K.folder}/part001.tar"] = tar_bytes([("b.mp4", clip)])
    hub.faults = {"/part001.tar": [Fault(status=503, headers={"Retry-After": "0"})] * 6}
    result = run(EGO_100K.worker, *GRID)
    assert result.returncode == ExitCode.INPUT
    good, bad = series(tmp_path)["clips"]
    assert (good["exit_code"], bad["exit_code"]) == (0, 3)
    assert bad["clip"] == f"{EGO_100K.worker}part001.tar"
    assert "the hub answered 503 Service Unavailable" in bad["says"]
    assert result.stderr.count("cannot be read: ") == 1
    assert "thrown while requesting" not in result.stderr


@pytest.mark.parametrize("command", ["run", "rectify"])
def test_a_worker_without_ranges_is_downloaded(run: Program, hub: Hub, tmp_path: Path, command: str) -> None:
    """With --cache-source every clip of the folder is found and done, also where the server gives whole files only."""
    clip = clip_bytes(tmp_path, frames=20)
    hub.repos[0].files[f"{EGO_100K.folder}/{EGO_100K.shard}"] = tar_bytes([("a.mp4", clip), ("b.mp4", clip)])
    hub.ranges = False
    args = GRID if command == "run" else ("--preset", "ultrafast")
    words = (EGO_100K.worker, "--cache-source", *args)
    result = run(*words) if command == "run" else run(command, *words)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("2 of 2 clips done;")
    again = run(EGO_100K.worker, "--cache-source", *GRID, "--loop")
    assert (again.returncode, "--loop replays a single clip" in again.stderr) == (ExitCode.USAGE, True)

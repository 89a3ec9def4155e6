"""What the doctor finds on machines and clips that are simulated."""

import os
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import av
import psutil
import pytest
from rich.console import Console

from stream.commands.doctor import print_checks
from stream.config import Options
from stream.doctor import machine, software
from stream.doctor.check import Check, check
from stream.doctor.clip import PlannedRun, reading
from stream.doctor.examine import examine
from stream.engines.table import run_prepared
from stream.errors import EgocleanError, ExitCode, NoRoomError, SourceError, UsageError
from stream.run.prepare import prepare
from stream.ui.view import PlainView
from tests.support.clips import make_clip
from tests.support.runs import write_intrinsics
from tests.support.terminal import Terminal

Usage = namedtuple("Usage", ["total", "free"])


Mount = namedtuple("Mount", ["mountpoint", "fstype"])


Memory = namedtuple("Memory", ["available"])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=180, key_every=30)


def test_sidecar_that_disagrees_is_a_warning(clip: Path, tmp_path: Path) -> None:
    """What the file beside the clip says otherwise is said, in the words of a run."""
    copy = Path(shutil.copytree(clip.parent, tmp_path / "copy")) / clip.name
    case = PlannedRun(Options(source=str(copy)).replace({"encoder.name": "grid", "output.folder": tmp_path}))
    assert [check.message for check in reading(case) if check.name == "sidecar"] == ["none"]
    copy.with_suffix(".json").write_text('{"codec": "av1"}')
    (check,) = (check for check in reading(case) if check.name == "sidecar")
    assert check.level == "warn"
    assert check.message.endswith("disagrees with the clip, whose own values are used: codec av1 (the clip: hevc)")


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room for this run fails with the code of a full disk; little room for an hour is warned of."""
    monkeypatch.setattr(psutil, "disk_usage", lambda _: Usage(2**40, 2**20))
    with pytest.raises(NoRoomError, match=r"1 MiB free .* may need 2 MiB"):
        machine.disk(tmp_path, 2 * 2**20)
    assert "an hour" in machine.disk(tmp_path, 2**10).hint
    assert check("disk", lambda: machine.disk(tmp_path, 2**30)).exit_code == 6


def test_out_on_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system under OUT is warned of by its name, whether or not OUT is there yet."""
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [Mount("/", "ext4"), Mount(str(tmp_path), "nfs4")])
    assert "is on nfs4" in machine.out(tmp_path / "not" / "yet").message
    assert machine.out(tmp_path).hint
    assert not machine.out(tmp_path.parent).hint


def test_run_on_a_network(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that writes to a network file system says so before it begins."""
    prepared = prepare(Options(source=str(clip)).replace({"encoder.name": "grid", "output.folder": tmp_path / "runs"}))
    monkeypatch.setattr("stream.run.session._begin", lambda *_: 0)
    for kind in ("ext4", "fuse.sshfs"):
        monkeypatch.setattr(psutil, "disk_partitions", lambda kind=kind, **_: [Mount(str(tmp_path), kind)])
        assert run_prepared(prepared, PlainView(Console(width=400))) == 0
    (warning,) = capsys.readouterr().out.splitlines()
    assert "is on fuse.sshfs: locks and fsync may be slow" in warning


def test_out_that_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An OUT that cannot be written is a usage error."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="mount it writable"):
        machine.out(tmp_path)


def test_small_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little shared memory, little memory and a single core are warned of, and no reason not to run."""
    monkeypatch.setattr(psutil, "disk_usage", lambda _: Usage(2**20, 2**20))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(2**20))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert "--shm-size" in machine.shared_memory(tmp_path).hint
    assert machine.memory(0).hint
    assert machine.cores().hint
    assert not machine.shared_memory(tmp_path / "missing").hint


def test_containers_limit_counts(tmp_path: Path) -> None:
    """Memory is what the container's limit leaves; no limit is none."""
    assert machine.cgroup_free(tmp_path) == []
    (tmp_path / "memory.current").write_text("300\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert machine.cgroup_free(tmp_path) == [700]
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.cgroup_free(tmp_path) == []


def test_sockets_need_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary directory whose name is too long for a socket is found before a run meets it."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert check("sockets", machine.sockets).exit_code == ExitCode.USAGE
    monkeypatch.undo()
    assert check("sockets", machine.sockets).level == "ok"


def test_packages_against_their_pins() -> None:
    """Another version is warned of, a missing package fails, an extra that is not there is no fault."""
    with pytest.raises(EgocleanError, match="no-such-package is not installed"):
        software.packages(["no-such-package>=1.0"])
    old = software.packages(["click<1,>=0.1"])
    assert old.message.startswith("click ")
    assert old.message.endswith(" instead of <1,>=0.1")
    assert old.hint
    assert software.packages(["click>=8"]).message == "1 as tested"
    for extra in ("plots", "dev"):
        assert not software.packages([f'no-such-package>=1.0; extra == "{extra}"']).hint
    assert not software.packages(['click<1; extra == "dev"', 'egoclean-stream[vjepa]; extra == "qwen"']).hint


@pytest.mark.parametrize(("version", "hint"), [((3, 10), True), ((3, 11), False), ((3, 13), False), ((3, 14), True)])
def test_a_python_that_is_not_tested_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], *, hint: bool
) -> None:
    """It is not refused: what is newer will mostly work."""
    monkeypatch.setattr(sys, "version_info", version)
    assert software.python().hint == ("only Python 3.11 to 3.13 is tested" if hint else "")


def test_missing_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PyAV that was built without HEVC is found."""
    assert "pictures tried" in software.hevc().message
    monkeypatch.setattr(av, "codecs_available", {"h264"})
    with pytest.raises(SourceError, match="no HEVC decoder"):
        software.hevc()


@pytest.mark.slow
def test_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU is named with its memory; without one only an encoder with weights is slow; without torch that is said."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not software.gpu(has_weights=False).hint
    assert software.gpu(has_weights=True).hint
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (20 * 2**30, 24 * 2**30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "RTX 3090")
    assert software.gpu(has_weights=True).message.startswith("RTX 3090, 20.0 GiB of 24.0 GiB free")
    monkeypatch.setattr(software, "find_spec", lambda _: None)
    assert "torch is not installed" in software.gpu(has_weights=False).message


@pytest.mark.parametrize("size", [(80, 24), (40, 8)])
def test_a_terminal_sees_failures_first_in_colour(size: tuple[int, int]) -> None:
    """Then warnings, then what is well; folded to the width of the terminal, and counted on the last line."""
    checks = [
        Check("python", "ok", "CPython " + "x" * 30),
        Check("gpu", "warn", "no GPU " * 12, "use one"),
        Check("encoder", "FAIL", "its weights are missing: " + "fetch them " * 12, exit_code=5),
    ]
    terminal = Terminal(*size)
    print_checks(checks, terminal.console())
    lines = terminal.lines()
    assert [line[:4].strip() for line in lines[:-1] if line[:4].strip()] == ["FAIL", "warn", "ok"]
    assert lines[-1] == "1 problem, 1 warning, 1 ok"
    assert terminal.colour_of("1 problem") == "red"
    tall = Terminal(size[0], 60)
    print_checks(checks, tall.console())
    assert [tall.colour_of(f"{level}  ") for level in ("FAIL", "warn", "ok  ")] == ["red", "brown", "green"]
    assert " ".join(" ".join(tall.lines()).split()).count("fetch them") == 12


def test_a_missing_torch_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the encoder's check fails for it, no line calls the GPU well."""
    monkeypatch.setattr(software, "find_spec", lambda _: None)
    words = {"encoder.name": "vjepa2", "encoder.model": str(tmp_path), "output.folder": tmp_path}
    levels = {check.name: check.level for check in examine(Options(source="").replace(words))}
    assert levels["encoder"] == "FAIL"
    assert "gpu" not in levels

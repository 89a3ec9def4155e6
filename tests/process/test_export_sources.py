"""``export`` of clips in buckets, on web servers and in compressed tars: read again, or what to do in one sentence."""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.data_hub import clip_bytes, tar_bytes
from tests.support.inline import run_here, run_inline
from tests.support.live_http import Served
from tests.support.live_http import serving as serving_http
from tests.support.s3_server import Bucket
from tests.support.s3_server import serving as serving_s3

RUN = ("--encoder", "grid", "--window", "16@8", "--no-rectify", "--out", "runs")
EXPORT = ("export", "clips", "runs", "--video", "raw")
TAR, LOOSE = "worker1/part000.tar", "worker2/loose.mp4"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip_bytes(tmp_path_factory.mktemp("made"), frames=30)


@pytest.fixture
def bucket(tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket whose two clips have been run, from ``tmp_path``."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with serving_s3(Bucket("clips", {TAR: tar_bytes([("9.mp4", clip)]), LOOSE: clip}), monkeypatch) as bucket:
        for name in (f"{TAR}::9.mp4", LOOSE):
            assert run_inline(f"s3://clips/{name}", *RUN).returncode == 0
        yield bucket


@pytest.fixture
def served(tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with serving_http(clip, "ranges", "walk.mp4") as served:
        yield served


def altered(clip: bytes) -> bytes:
    """Other content of the same length."""
    middle = len(clip) // 2
    return clip[:middle] + bytes([clip[middle] ^ 1]) + clip[middle + 1 :]


def copies(folder: Path, clip: bytes, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(clip)
    return folder


def failures(*more: str | Path) -> tuple[int, list[str]]:
    """Exit code of an export, and what it says of each run."""
    done = run_here(*EXPORT, "--to", "set", *more)
    assert done.stderr == ""
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("not exported")]


def test_clips_in_a_bucket_are_read_there(bucket: Bucket) -> None:
    bucket.ranges.clear()
    assert failures() == (0, [])
    assert bucket.ranges


def test_a_clip_in_a_bucket_that_was_replaced_is_named(bucket: Bucket, clip: bytes) -> None:
    """It has the same name and the same size; only the bucket's ETag tells it from the one that was run."""
    bucket.objects.update({TAR: tar_bytes([("9.mp4", altered(clip))]), LOOSE: altered(clip)})
    code, lines = failures()
    assert code == 3
    for line, name in zip(lines, (f"{TAR}::9.mp4", LOOSE), strict=True):
        assert f"s3://clips/{name} is no longer the clip of its run, because its bytes have changed" in line
        assert line.endswith("name the folder of a copy with --clips")


def test_a_copy_of_a_clip_that_has_left_its_bucket_is_taken(bucket: Bucket, tmp_path: Path, clip: bytes) -> None:
    bucket.objects.clear()
    code, lines = failures()
    assert (code, len(lines)) == (3, 2)
    assert all(
        "does not exist" in line and line.endswith("; or name the folder of a copy with --clips") for line in lines
    )
    assert failures("--offline", "--clips", copies(tmp_path / "copies", clip, "9.mp4", "loose.mp4")) == (0, [])


def test_a_clip_on_a_server_that_was_replaced_is_named(served: Served, clip: bytes) -> None:
    assert run_inline(served.url, *RUN).returncode == 0
    served.data, served.etag = altered(clip), '"two"'
    code, (line,) = failures()
    assert (code, "because its bytes have changed" in line) == (3, True)
    served.data, served.etag = clip, '"one"'
    assert failures() == (0, [])


def test_a_server_that_no_longer_serves_parts_is_named(served: Served) -> None:
    assert run_inline(served.url, *RUN).returncode == 0
    served.way = "length"
    code, (line,) = failures()
    assert (code, "its server sends only all of it: name the folder of a copy with --clips" in line) == (3, True)


def test_a_password_is_not_in_the_record_so_a_copy_is_needed(served: Served, tmp_path: Path, clip: bytes) -> None:
    served.authorization = f"Basic {base64.b64encode(b'me:geheim7').decode()}"
    assert run_inline(served.url.replace("://", "://me:geheim7@"), *RUN).returncode == 0
    code, (line,) = failures()
    assert (code, "had a password or a token, which records do not hold" in line, "geheim7" in line) == (3, True, False)
    assert failures("--clips", copies(tmp_path / "copies", clip, "walk.mp4")) == (0, [])


def test_a_compressed_tar_that_was_unpacked_is_found(
    tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tar = tmp_path / "part000.tar.gz"
    tar.write_bytes(gzip.compress(tar_bytes([("a.mp4", clip), ("b.mp4", altered(clip))])))
    assert run_inline(tar, *RUN).returncode in (0, 4)  # b may be damaged
    assert failures()[0] == 0
    tar.unlink()
    unpacked = copies(tmp_path / "unpacked", clip, "a.mp4")
    code, lines = failures("--clips", unpacked)
    assert (code, lines) == (0, [])  # all are cut
    done = run_here(*EXPORT, "--to", "other", "--clips", unpacked)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("not exported"))
    assert (done.returncode, "part000.tar.gz::b.mp4 no longer exists" in line) == (4, True)
    names = [json.loads(line)["clip"] for line in Path("other/episodes.jsonl").read_text().splitlines()]
    assert names == ["a"]


def test_a_relative_path_is_looked_for_in_the_folder_that_is_named(
    tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = copies(tmp_path / "camera", clip, "walk.mp4")
    monkeypatch.chdir(tmp_path)
    assert run_inline("walk.mp4", *RUN[:-1], tmp_path / "runs", cwd=source).returncode == 0
    code, (line,) = failures()
    assert code == 3
    assert line.endswith(f"walk.mp4 is not below {tmp_path}: name the folder that holds it with --clips")
    assert failures("--clips", source) == (0, [])

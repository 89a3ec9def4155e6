"""Clips in an S3 bucket: found, read in place, and refused in one sentence."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import ModelUnavailableError
from stream.errors import SourceError, UsageError
from stream.sources.remote.address import require_client
from stream.sources.table import open_clip, open_source
from tests.support.clips import clips_named, decode
from tests.support.data_hub import sidecar_bytes, tar_bytes
from tests.support.runs import INTRINSICS
from tests.support.s3_server import SECRET, Bucket, serving

FILLER = bytes(1 << 20)


@pytest.fixture
def bucket(tmp_path: Path, remote_clip: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A worker's folder with a shard, its calibration and a loose clip."""
    members = [
        *((f"{n}.mp4", FILLER) for n in range(9)),
        ("9.mp4", remote_clip),
        ("9.json", sidecar_bytes(remote_clip)),
    ]
    objects = {
        "factory/worker1/intrinsics.json": json.dumps(INTRINSICS).encode(),
        "factory/worker1/part000.tar": tar_bytes(members),
        "factory/worker2/loose.mp4": remote_clip,
    }
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving(Bucket("clips", objects), monkeypatch) as bucket:
        yield bucket


@pytest.mark.usefixtures("bucket")
def test_folders_shards_and_patterns_stand_for_their_clips() -> None:
    """As on the hub and on a disk."""
    shard = "s3://clips/factory/worker1/part000.tar"
    members = [f"{shard}::{number}.mp4" for number in range(10)]
    assert clips_named([shard]) == clips_named(["s3://clips/factory/worker1/"]) == members
    assert clips_named(["s3://clips/factory/worker*/"]) == [*members, "s3://clips/factory/worker2/loose.mp4"]
    assert clips_named(["s3://clips/factory/worker2/*.mp4"]) == ["s3://clips/factory/worker2/loose.mp4"]


@pytest.mark.parametrize("name", ["part001.tar.gz", "part002.TGZ", "part003.tar.zst", "part004.tar.lz4"])
def test_a_compressed_tar_is_to_be_downloaded(bucket: Bucket, name: str) -> None:
    """Named by itself, with a member, and found in a folder, where the clips beside it still run."""
    bucket.objects[f"factory/worker2/{name}"] = b"\x1f\x8b"
    spec = f"s3://clips/factory/worker2/{name}"
    assert clips_named(["s3://clips/factory/worker2/"]) == ["s3://clips/factory/worker2/loose.mp4", spec]
    for each in (spec, f"{spec}::clip.mp4"):
        with pytest.raises(SourceError, match="can only be read from a disk: download it"):
            open_clip(each)


def test_a_member_is_read_in_place(bucket: Bucket, remote_clip: bytes, tmp_path: Path) -> None:
    """Of a shard of 9 MB the clip alone is fetched; its calibration and its sidecar are found; the record names it."""
    (tmp_path / "local.mp4").write_bytes(remote_clip)
    spec = "s3://clips/factory/worker1/part000.tar::9.mp4"
    source = open_clip(spec)
    shard = bucket.objects["factory/worker1/part000.tar"]
    assert (source.name, source.stem, source.size_bytes) == (spec, "9", len(remote_clip))
    with source.open() as file:
        assert file.read() == remote_clip
    path = source.intrinsics_path()
    assert path is not None
    assert json.loads(path.read_bytes()) == INTRINSICS
    assert source.sidecar() == ("9.json", sidecar_bytes(remote_clip))
    origin = source.origin()
    assert origin is not None
    assert origin["url"] == "s3://clips/factory/worker1/part000.tar"
    assert (origin["member"], origin["offset"], origin["file_bytes"]) == ("9.mp4", shard.index(remote_clip), len(shard))
    assert source.fetched_bytes is not None
    assert source.fetched_bytes < len(shard) / 4
    assert bucket.ranges.count(None) == 1  # the calibration alone is fetched whole
    assert decode(spec).digests == decode(tmp_path / "local.mp4").digests


def test_a_whole_file_is_fetched_once(bucket: Bucket, remote_clip: bytes) -> None:
    """Into the user's cache, from where it is read the next time."""
    spec = "s3://clips/factory/worker2/loose.mp4"
    source = open_source(spec, download=True)
    with source.open() as file:
        assert file.read() == remote_clip
    assert source.fetched_bytes == len(remote_clip)
    bucket.ranges.clear()
    assert open_source(spec, download=True).fetched_bytes == 0
    assert bucket.ranges == []


def test_an_object_that_changes_is_never_mixed(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two contents under one name are an error, not a damaged clip."""
    monkeypatch.setattr("stream.sources.remote.file.BLOCK_BYTES", 1 << 10)
    source = open_clip("s3://clips/factory/worker2/loose.mp4")
    bucket.objects["factory/worker2/loose.mp4"] += b"more"
    with source.open() as file, pytest.raises(SourceError, match="has changed on the server"):
        file.read()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("s3://clips/absent.mp4", "does not exist"),
        ("s3://clips/factory/worker1", "is a folder, and no clip in it is named"),
        ("s3://clips/factory/worker1/part000.tar::absent.mp4", "has no member 'absent.mp4'"),
        ("s3://clips/factory/worker1/part000.tar", "choose one of part000.tar::0.mp4"),
        ("s3://", "names no bucket"),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_what_is_not_there_is_refused(spec: str, says: str) -> None:
    """Each way of naming nothing has its sentence."""
    with pytest.raises(SourceError, match=says):
        open_clip(spec)


def test_a_bucket_that_is_closed_names_the_credentials(bucket: Bucket) -> None:
    """What to set is said, and no secret."""
    bucket.denied = True
    with pytest.raises(SourceError, match="access is denied; set AWS_PROFILE") as caught:
        open_clip("s3://clips/factory/worker2/loose.mp4")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("http", "aiohttp")])
def test_a_missing_package_is_named(scheme: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr("models.packages.find_spec", lambda _: None)
    with pytest.raises(ModelUnavailableError, match=rf"{package} is not installed: pip install -e '\.\[{scheme}\]'"):
        require_client(scheme)


@pytest.mark.usefixtures("bucket")
def test_two_objects_of_one_name_are_two_runs_of_one_folder() -> None:
    """They would be written to one place, and are refused before either is."""
    with pytest.raises(UsageError, match="would both be written as 'loose'"):
        clips_named(["s3://clips/factory/worker2/loose.mp4", "s3://clips/factory/worker3/loose.mp4"])

"""Clips on the hub: which are meant, and which bytes are fetched for them."""

import tarfile
from pathlib import Path

import pytest

from stream.sources.discover import list_clips
from stream.sources.remote.file import SKIM_BYTES
from stream.sources.remote.storage import pinned_commit
from stream.sources.sidecar import Sidecar, read_sidecar
from stream.sources.table import open_clip
from stream.video.container import read_facts
from tests.support.clips import clips_named, decode
from tests.support.data_hub import EGO_10K, EGO_100K, Spelling, tar_bytes, worker_repo
from tests.support.hub_listings import COMMIT, sha256
from tests.support.hub_server import Fault, Hub

SHARD = EGO_100K.shard
PATH = f"{EGO_100K.folder}/{SHARD}"
OTHER_COMMIT = "f" * 40


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("spelling", [EGO_10K, EGO_100K], ids=["10K", "100K"])
def test_a_worker_is_all_the_clips_of_its_shards(spelling: Spelling) -> None:
    """The folder, with or without a slash, and the shard itself stand for the members, in order."""
    expected = [spelling.clip(number) for number in range(5)]
    assert clips_named([spelling.worker]) == expected
    assert clips_named([spelling.worker.rstrip("/")]) == expected
    assert clips_named([spelling.tar]) == expected
    assert clips_named([expected[2]]) == [expected[2]]


@pytest.mark.parametrize("spelling", [EGO_10K, EGO_100K], ids=["10K", "100K"])
def test_a_member_brings_its_calibration_and_its_sidecar(hub: Hub, remote_clip: bytes, spelling: Spelling) -> None:
    """Its bytes are the clip's, its commit is in its name, and what lies beside it and its shard is found."""
    source = open_clip(spelling.clip(2))
    assert source.name == spelling.clip(2).replace(spelling.data_set, f"{spelling.data_set}@{COMMIT}")
    assert (source.stem, source.size_bytes) == (spelling.stem.format(2), len(remote_clip))
    with source.open() as file:
        assert file.read() == remote_clip
    path = source.intrinsics_path()
    assert path is not None
    assert path.read_bytes() == hub.repos[0].files[f"{EGO_10K.folder}/intrinsics.json"]
    assert read_sidecar(source, read_facts(source)) == Sidecar(f"{source.stem}.json")


def test_a_clip_in_the_middle_costs_no_more_than_itself(hub: Hub, tmp_path: Path, remote_clip: bytes) -> None:
    """It is decoded as from a disk, with its index at its end; of a tar of 25 MB, a tenth is fetched, and none kept."""
    hub.repos[1] = worker_repo(EGO_100K, remote_clip, others=12)
    shard = hub.repos[1].files[f"{EGO_100K.folder}/{SHARD}"]
    (tmp_path / "local.mp4").write_bytes(remote_clip)
    source = open_clip(EGO_100K.clip(12))
    facts = read_facts(source)
    assert source.file.fetched_bytes is not None
    assert facts.codec == "hevc"
    assert decode(EGO_100K.clip(12)).digests == decode(tmp_path / "local.mp4").digests
    assert source.file.fetched_bytes < len(shard) / 10
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "local.mp4"]
    assert sum(path.stat().st_size for path in files) < 10_000


def test_headers_alone_are_fetched_once(hub: Hub) -> None:
    """Listing takes one small range a member; the contents are kept, so that the next time takes none."""
    clips_named([EGO_100K.tar])
    ranges = [
        request.range
        for request in hub.requests_for(f"/storage/datasets/{EGO_100K.data_set}/{EGO_100K.folder}/{SHARD}")
    ]
    assert len(ranges) <= 7
    for each in ranges:
        first, last = map(int, str(each).removeprefix("bytes=").split("-"))
        assert last - first < SKIM_BYTES
    hub.requests.clear()
    assert len(clips_named([EGO_100K.tar])) == 5
    assert hub.requests_for(SHARD) == []


def test_cached_blocks_are_of_one_content(hub: Hub, tmp_path: Path, remote_clip: bytes) -> None:
    """Another commit is looked at anew; what is damaged among what is kept, too."""
    clips_named([EGO_100K.tar])
    (metadata_file,) = (tmp_path / "cache").rglob("*.json")
    metadata_file.write_text("{")
    assert len(clips_named([EGO_100K.tar])) == 5
    hub.repos[1].commit = OTHER_COMMIT
    hub.repos[1].files[f"{EGO_100K.folder}/{SHARD}"] = tar_bytes([("other.mp4", remote_clip)])
    pinned_commit.cache_clear()
    assert clips_named([EGO_100K.tar]) == [f"{EGO_100K.tar}::other.mp4"]


@pytest.mark.usefixtures("hub")
def test_without_a_cache_the_clips_are_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that cannot be written is no reason to stop."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert len(clips_named([EGO_100K.tar])) == 5


@pytest.mark.parametrize("style", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_long_names_are_read(hub: Hub, remote_clip: bytes, style: int) -> None:
    """Names beyond a header's 100 bytes, in either way of writing them."""
    name = f"{'folder/' * 30}{'é' * 40}.mp4"
    hub.repos[1].files[f"{EGO_100K.folder}/{SHARD}"] = tar_bytes([("first", b"x"), (name, remote_clip)], style=style)
    assert clips_named([EGO_100K.tar]) == [f"{EGO_100K.tar}::{name}"]
    assert open_clip(f"{EGO_100K.tar}::{name}").size_bytes == len(remote_clip)


def test_a_clip_that_is_a_file_is_known_by_its_hash(hub: Hub, remote_clip: bytes) -> None:
    """The hub's own SHA-256 is the record's, without fetching the file for it; a member is known by where it lies."""
    hub.repos[1].files["loose/clip.mp4"] = remote_clip
    loose = open_clip(f"hf://datasets/{EGO_100K.data_set}/loose/clip.mp4")
    assert loose.sha256() == sha256(remote_clip)
    member = open_clip(EGO_100K.clip(2))
    shard = hub.repos[1].files[f"{EGO_100K.folder}/{SHARD}"]
    assert member.sha256() is None
    assert member.origin() == {
        "data_set": EGO_100K.data_set, "revision": None, "commit": COMMIT, "path": f"{EGO_100K.folder}/{SHARD}",
        "oid": sha256(shard), "file_bytes": len(shard), "member": f"{EGO_100K.stem.format(2)}.mp4",
        "offset": shard.index(remote_clip),
    }  # fmt: skip


def test_patterns_match_on_the_hub(hub: Hub, remote_clip: bytes) -> None:
    """Each part of a path may be one; a slash at the end asks for folders; sidecars and calibrations are no clips."""
    root = f"hf://datasets/{EGO_100K.data_set}"
    hub.repos[1].files["factory001/worker002/part001.tar"] = tar_bytes([("2.mp4", remote_clip)])
    hub.repos[1].files["factory001/notes.mp4"] = remote_clip
    first = [EGO_100K.clip(number) for number in range(5)]
    second = [f"{root}/factory001/worker002/part001.tar::2.mp4"]
    assert clips_named([f"{root}/factory001/worker00*/"]) == first + second
    assert clips_named([f"{root}/factory*/worker002/*"]) == second
    assert clips_named([f"{root}/factory001/*"]) == [f"{root}/factory001/notes.mp4", *first, *second]
    assert clips_named([f"{root}/factory001/worker001/*"]) == first
    hub.repos[1].files["v1.0/3.mp4"] = remote_clip
    assert clips_named([f"{root}/v1.0/"]) == clips_named([f"{root}/v*/"]) == [f"{root}/v1.0/3.mp4"]
    assert clips_named([f"{root}/nothing*/"]) == [f"{root}/nothing*/"]


def test_a_revision_is_settled_once(hub: Hub) -> None:
    """A commit is taken as it is; a branch stands for the commit that it was when it was first asked for."""
    at_commit = EGO_100K.clip(2).replace(EGO_100K.data_set, f"{EGO_100K.data_set}@{COMMIT}")
    assert open_clip(at_commit).name == at_commit
    hub.repos[1].earlier, hub.repos[1].commit = (COMMIT,), OTHER_COMMIT
    assert OTHER_COMMIT in open_clip(EGO_100K.clip(2)).name
    hub.repos[1].earlier, hub.repos[1].commit = (COMMIT, OTHER_COMMIT), "e" * 40
    assert OTHER_COMMIT in open_clip(EGO_100K.clip(2)).name


def test_a_download_is_read_from_the_disk(hub: Hub, remote_clip: bytes) -> None:
    """With ``download`` the shard comes whole into the hub's cache, once, also from a server without ranges."""
    hub.ranges = False
    source = open_clip(EGO_100K.clip(2), download=True)
    with source.open() as file:
        assert file.read() == remote_clip
    assert source.file.path is not None
    assert source.file.path.is_relative_to(Path.cwd() / "hub")
    assert source.sha256() == sha256(remote_clip)
    assert source.file.fetched_bytes == source.file.size_bytes
    assert open_clip(EGO_100K.clip(2), download=True).file.fetched_bytes == 0


def test_a_commit_is_read_even_if_the_branch_moves(hub: Hub, remote_clip: bytes) -> None:
    """What was opened at a commit is read at that commit; a push in between changes nothing."""
    source = open_clip(EGO_100K.clip(2))
    hub.repos[1].earlier, hub.repos[1].commit = (COMMIT,), OTHER_COMMIT
    with source.open() as file:
        assert file.read() == remote_clip
    requests = hub.requests_for(f"/{SHARD}")
    assert all(f"/resolve/{COMMIT}/" in request.path or request.path.startswith("/storage/") for request in requests)


def test_long_lists_come_in_pages(hub: Hub, remote_clip: bytes) -> None:
    """Each page names the next, and a page that is refused once is requested again."""
    hub.page_entries = 3
    hub.repos[1].files |= {f"many/{number}.mp4": remote_clip for number in range(8)}
    hub.faults = {f"/tree/{COMMIT}/many": [Fault(status=502)]}
    assert len(clips_named([f"hf://datasets/{EGO_100K.data_set}/many/"])) == 8


@pytest.mark.parametrize("spec", [EGO_100K.worker, EGO_100K.tar], ids=["folder", "shard"])
def test_a_download_also_finds_the_clips(hub: Hub, spec: str) -> None:
    """From a server without ranges a shard is fetched to see what is in it; where there are ranges it can wait."""
    expected = [EGO_100K.clip(number) for number in range(5)]
    list_clips([EGO_10K.worker], download=True)
    assert all(request.range for request in hub.requests_for(EGO_10K.shard) if request.path.startswith("/storage"))
    hub.ranges = False
    assert "fetch it with --cache-source" in str(list_clips([spec]).clips[0].fault)
    assert clips_named([spec], download=True) == expected
    assert open_clip(expected[2], download=True).fetched_bytes == 0


def test_a_folder_on_the_hub_is_judged_by_names_first(hub: Hub, remote_clip: bytes) -> None:
    """Only what has no telling name is looked at: its first bytes, and of no more files than a bound."""
    folder = f"{EGO_100K.data_set}/mixed"
    names = ["a.MOV", "b.json", "c.jpg", "d", "e.dat", "f.txt", "g.mp3"]
    content = {"d": remote_clip, "e.dat": bytes(70_000)}
    hub.repos[1].files |= {f"mixed/{name}": content.get(name, b"x") for name in names}
    listing = list_clips([f"hf://datasets/{folder}/"])
    assert [each.spec.rpartition("/")[2] for each in listing.clips] == ["a.MOV", "d"]
    reasons = {each.path.rpartition("/")[2]: each.reason for each in listing.left_out}
    assert reasons == {
        "b.json": "text", "c.jpg": "picture", "e.dat": "unknown content", "f.txt": "text", "g.mp3": "audio",
    }  # fmt: skip
    read_names = {
        request.path.rpartition("/")[2] for request in hub.requests if request.range and "/mixed/" in request.path
    }
    assert read_names == {"d", "e.dat"}


def test_few_files_without_a_telling_name_are_looked_at(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound they are left out, with that reason."""
    monkeypatch.setattr("stream.sources.remote.listing._MOST_HEADS", 2)
    hub.repos[1].files |= {f"many/{number}": b"\0" for number in range(4)}
    (only,) = list_clips([f"hf://datasets/{EGO_100K.data_set}/many/"]).clips
    assert "2 x file without a telling name (2, 3)" in str(only.fault)


def test_a_shard_on_the_hub_is_judged_by_names_first(hub: Hub, remote_clip: bytes) -> None:
    """The first bytes of a member without a telling name mostly come with its header."""
    members = [("a.mkv", bytes(100_000)), ("b", remote_clip), ("c.json", b"{}"), ("d.png", b"x"), ("e", bytes(100_000))]
    hub.repos[1].files[PATH] = tar_bytes(members)
    listing = list_clips([EGO_100K.tar])
    assert [each.spec.rpartition("::")[2] for each in listing.clips] == ["a.mkv", "b"]
    assert [each.reason for each in listing.left_out] == ["text", "picture", "unknown content"]
    assert len(hub.requests_for(f"/storage/datasets/{EGO_100K.data_set}/{PATH}")) <= len(members) + 2

"""Clips on the hub: which are meant, which bytes are fetched for them, and what goes wrong on the way."""

import errno
import logging
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from stream.errors import ExitCode, NoRoomError, SourceError, exit_code_of
from stream.sources.discover import list_clips
from stream.sources.remote import file as remote_file
from stream.sources.remote.file import SKIM_BYTES
from stream.sources.remote.storage import pinned_commit
from stream.sources.sidecar import Sidecar, read_sidecar
from stream.sources.table import open_clip
from stream.video.container import read_facts
from tests.support.clips import clips_named, decode
from tests.support.data_hub import EGO_10K, EGO_100K, Spelling, clip_bytes, tar_bytes, worker_repo
from tests.support.hub_server import COMMIT, TOKEN, Fault, Hub, Repo, point_client_at, serving, sha256

SHARD = EGO_100K.shard
PATH = f"{EGO_100K.folder}/{SHARD}"
OTHER_COMMIT = "f" * 40
REFUSALS = 6
"""As often as the client asks."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real clip with its index at the end."""
    return clip_bytes(tmp_path_factory.mktemp("made"))


@pytest.fixture
def hub(tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with both data sets, asked by the client in this process, which does not wait between two tries."""
    repos = worker_repo(EGO_10K, clip), worker_repo(EGO_100K, clip)
    with serving(*repos) as hub, stamina.set_testing(True, attempts=3):
        point_client_at(hub, tmp_path, monkeypatch)
        yield hub


def refusal(spec: str, *, download: bool = False) -> str:
    """The one sentence with which a clip is refused."""
    with pytest.raises(SourceError) as caught:
        open_clip(spec, download=download).open().read()
    assert exit_code_of(caught.value) == ExitCode.INPUT
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


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
def test_a_member_brings_its_calibration_and_its_sidecar(hub: Hub, clip: bytes, spelling: Spelling) -> None:
    """Its bytes are the clip's, its commit is in its name, and what lies beside it and its shard is found."""
    source = open_clip(spelling.clip(2))
    assert source.name == spelling.clip(2).replace(spelling.data_set, f"{spelling.data_set}@{COMMIT}")
    assert (source.stem, source.size_bytes) == (spelling.stem.format(2), len(clip))
    with source.open() as file:
        assert file.read() == clip
    path = source.intrinsics_path()
    assert path is not None
    assert path.read_bytes() == hub.repos[0].files[f"{EGO_10K.folder}/intrinsics.json"]
    assert read_sidecar(source, read_facts(source)) == Sidecar(f"{source.stem}.json")


def test_a_clip_in_the_middle_costs_no_more_than_itself(hub: Hub, tmp_path: Path, clip: bytes) -> None:
    """It is decoded as from a disk, with its index at its end; of a tar of 25 MB, a tenth is fetched, and none kept."""
    hub.repos[1] = worker_repo(EGO_100K, clip, others=12)
    shard = hub.repos[1].files[f"{EGO_100K.folder}/{SHARD}"]
    (tmp_path / "local.mp4").write_bytes(clip)
    source = open_clip(EGO_100K.clip(12))
    facts = read_facts(source)
    assert source.file.fetched_bytes is not None
    assert facts.codec == "hevc"
    assert decode(EGO_100K.clip(12)).digests == decode(tmp_path / "local.mp4").digests
    assert source.file.fetched_bytes < len(shard) / 10
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "local.mp4"]
    assert sum(path.stat().st_size for path in kept) < 10_000


def test_headers_alone_are_fetched_once(hub: Hub) -> None:
    """Listing takes one small range a member; the contents are kept, so that the next time takes none."""
    clips_named([EGO_100K.tar])
    asked = [made.range for made in hub.asked(f"/storage/datasets/{EGO_100K.data_set}/{EGO_100K.folder}/{SHARD}")]
    assert len(asked) <= 7
    for each in asked:
        first, last = map(int, str(each).removeprefix("bytes=").split("-"))
        assert last - first < SKIM_BYTES
    hub.requests.clear()
    assert len(clips_named([EGO_100K.tar])) == 5
    assert hub.asked(SHARD) == []


def test_cached_blocks_are_of_one_content(hub: Hub, tmp_path: Path, clip: bytes) -> None:
    """Another commit is looked at anew; what is damaged among what is kept, too."""
    clips_named([EGO_100K.tar])
    (kept,) = (tmp_path / "cache").rglob("*.json")
    kept.write_text("{")
    assert len(clips_named([EGO_100K.tar])) == 5
    hub.repos[1].commit = OTHER_COMMIT
    hub.repos[1].files[f"{EGO_100K.folder}/{SHARD}"] = tar_bytes([("other.mp4", clip)])
    pinned_commit.cache_clear()
    assert clips_named([EGO_100K.tar]) == [f"{EGO_100K.tar}::other.mp4"]


@pytest.mark.usefixtures("hub")
def test_without_a_cache_the_clips_are_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that cannot be written is no reason to stop."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert len(clips_named([EGO_100K.tar])) == 5


@pytest.mark.parametrize("style", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_long_names_are_read(hub: Hub, clip: bytes, style: int) -> None:
    """Names beyond a header's 100 bytes, in either way of writing them."""
    name = f"{'folder/' * 30}{'é' * 40}.mp4"
    hub.repos[1].files[f"{EGO_100K.folder}/{SHARD}"] = tar_bytes([("first", b"x"), (name, clip)], style=style)
    assert clips_named([EGO_100K.tar]) == [f"{EGO_100K.tar}::{name}"]
    assert open_clip(f"{EGO_100K.tar}::{name}").size_bytes == len(clip)


def test_a_clip_that_is_a_file_is_known_by_its_hash(hub: Hub, clip: bytes) -> None:
    """The hub's own SHA-256 is the record's, without fetching the file for it; a member is known by where it lies."""
    hub.repos[1].files["loose/clip.mp4"] = clip
    loose = open_clip(f"hf://datasets/{EGO_100K.data_set}/loose/clip.mp4")
    assert loose.sha256() == sha256(clip)
    member = open_clip(EGO_100K.clip(2))
    shard = hub.repos[1].files[f"{EGO_100K.folder}/{SHARD}"]
    assert member.sha256() is None
    assert member.origin() == {
        "data_set": EGO_100K.data_set, "revision": None, "commit": COMMIT, "path": f"{EGO_100K.folder}/{SHARD}",
        "oid": sha256(shard), "file_bytes": len(shard), "member": f"{EGO_100K.stem.format(2)}.mp4",
        "offset": shard.index(clip),
    }  # fmt: skip


def test_patterns_match_on_the_hub(hub: Hub, clip: bytes) -> None:
    """Each part of a path may be one; a slash at the end asks for folders; sidecars and calibrations are no clips."""
    root = f"hf://datasets/{EGO_100K.data_set}"
    hub.repos[1].files["factory001/worker002/part001.tar"] = tar_bytes([("2.mp4", clip)])
    hub.repos[1].files["factory001/notes.mp4"] = clip
    first = [EGO_100K.clip(number) for number in range(5)]
    second = [f"{root}/factory001/worker002/part001.tar::2.mp4"]
    assert clips_named([f"{root}/factory001/worker00*/"]) == first + second
    assert clips_named([f"{root}/factory*/worker002/*"]) == second
    assert clips_named([f"{root}/factory001/*"]) == [f"{root}/factory001/notes.mp4", *first, *second]
    assert clips_named([f"{root}/factory001/worker001/*"]) == first
    hub.repos[1].files["v1.0/3.mp4"] = clip
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


def test_a_download_is_read_from_the_disk(hub: Hub, clip: bytes) -> None:
    """With ``download`` the shard comes whole into the hub's cache, once, also from a server without ranges."""
    hub.ranges = False
    source = open_clip(EGO_100K.clip(2), download=True)
    with source.open() as file:
        assert file.read() == clip
    assert source.file.path is not None
    assert source.file.path.is_relative_to(Path.cwd() / "hub")
    assert source.sha256() == sha256(clip)
    assert source.file.fetched_bytes == source.file.size_bytes
    assert open_clip(EGO_100K.clip(2), download=True).file.fetched_bytes == 0


@pytest.mark.usefixtures("hub")
def test_a_cache_that_cannot_be_written_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be written names the variable that chooses another; a full disk is exit 6."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "file"))
    assert "set HF_HOME to a folder that can be written" in refusal(EGO_100K.clip(2), download=True)

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device", "shard")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    with pytest.raises(NoRoomError, match="no room left on the disk while writing shard"):
        open_clip(EGO_100K.clip(2), download=True)


def test_a_server_without_ranges_is_reported(hub: Hub) -> None:
    """Nothing but the first bytes is taken from it, and the sentence names the way out."""
    hub.ranges = False
    assert "fetch it with --cache-source" in refusal(EGO_100K.clip(2))


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            "hf://datasets/nobody/nothing/a.mp4",
            "the data set 'nobody/nothing' cannot be fetched: there is no repository of this name",
        ),
        (f"hf://datasets/{EGO_10K.data_set}@v9/a.mp4", "no such revision"),
        (f"hf://datasets/{EGO_10K.data_set}/a.mp4", "does not exist: name a clip"),
        (EGO_10K.worker, "is a folder, and no clip in it is named"),
        (EGO_10K.tar, f"choose one of {EGO_10K.shard}::{EGO_10K.stem.format(0)}.mp4"),
        (f"{EGO_10K.tar}::absent.mp4", "has no member 'absent.mp4'"),
        ("hf://builddotai/model/a.mp4", "names a model, and clips lie in data sets"),
        ("hf://datasets/builddotai", "names nothing on the hub: expected hf://datasets/OWNER/NAME/"),
        ("hf://datasets/built by/no*body/a.mp4", "names nothing on the hub"),
    ],
)
def test_what_is_not_there_is_refused(spec: str, says: str) -> None:
    """Each way of naming nothing has its sentence."""
    assert says in refusal(spec)


def test_missing_permission_error_names_what_to_set(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gated without and with a token, private, and a token that has expired: what helps is said; .env is read."""
    hub.repos[0].access, hub.repos[1].access = "gated", "private"
    assert "is gated; ask for access at" in refusal(EGO_10K.clip(2))
    assert "or it is private; check the name, or set HF_TOKEN" in refusal(EGO_100K.clip(2))
    (tmp_path / ".env").write_text(f"HF_KEY={TOKEN}\n")
    assert "with the account whose token HF_TOKEN holds" in refusal(EGO_10K.clip(2))
    assert open_clip(EGO_100K.clip(2)).size_bytes
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    pinned_commit.cache_clear()
    assert "does not know the token in HF_TOKEN" in refusal(EGO_100K.clip(2))


def test_a_token_that_is_none_is_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no token can be is not sent."""
    monkeypatch.setenv("HF_TOKEN", "two words")
    assert "HF_TOKEN holds spaces" in refusal(EGO_100K.clip(2))
    assert hub.requests == []


def test_a_busy_hub_is_tried_again(hub: Hub, clip: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """After 429 with Retry-After, and after server errors, it continues, and the wait is reported to the user."""
    caplog.set_level(logging.INFO, "models")
    hub.faults = {
        f"/storage/datasets/{EGO_100K.data_set}/{EGO_100K.folder}/{SHARD}": [
            Fault(status=429, headers={"Retry-After": "3"}),
            Fault(status=503),
        ]
    }
    with open_clip(EGO_100K.clip(2)).open() as file:
        assert file.read() == clip
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("models.")]
    assert messages == ["the hub limits the rate of requests: trying again in 4 s"]


def test_a_hub_that_keeps_failing_is_given_up(hub: Hub) -> None:
    """After the last try the sentence says what the hub answered."""
    hub.faults = {SHARD: [Fault(status=500)] * REFUSALS}
    assert "the hub answered 500" in refusal(EGO_100K.clip(2))


def test_a_hub_out_of_reach_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the endpoint and the variable that sets it."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    said = refusal(EGO_100K.clip(2))
    assert "the hub at http://127.0.0.1:9 cannot be reached" in said
    assert "HF_ENDPOINT" in said
    assert hub.requests == []


def test_a_cut_connection_is_tried_again(hub: Hub, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block that was cut is requested again, and no other one."""
    monkeypatch.setattr(remote_file, "BLOCK_BYTES", 8192)
    source = open_clip(EGO_100K.clip(2))
    block = source.offset + 8192
    hub.requests.clear()
    hub.faults = {SHARD: [Fault(cut_after=1000, first_byte=block)] * 4}
    with source.open() as file:
        assert file.read() == clip
    requested = Counter(made.range for made in hub.asked(f"/storage/datasets/{EGO_100K.data_set}/{PATH}"))
    assert requested[f"bytes={block}-{block + 8191}"] == 5
    assert sum(requested.values()) == len(requested) + 4


def test_a_commit_is_read_even_if_the_branch_moves(hub: Hub, clip: bytes) -> None:
    """What was opened at a commit is read at that commit; a push in between changes nothing."""
    source = open_clip(EGO_100K.clip(2))
    hub.repos[1].earlier, hub.repos[1].commit = (COMMIT,), OTHER_COMMIT
    with source.open() as file:
        assert file.read() == clip
    asked = hub.asked(f"/{SHARD}")
    assert all(f"/resolve/{COMMIT}/" in made.path or made.path.startswith("/storage/") for made in asked)


def test_one_shard_that_cannot_be_read_does_not_hide_the_others(hub: Hub, clip: bytes) -> None:
    """It stays in the list as it is named, with what is wrong with it."""
    hub.repos[1].files[f"{EGO_100K.folder}/part001.tar"] = b"no tar at all" * 100
    hub.repos[1].files[f"{EGO_100K.folder}/part002.tar"] = tar_bytes([("good.mp4", clip)])
    *_, bad, good = list_clips([EGO_100K.worker]).clips
    assert (bad.spec, good) == (f"{EGO_100K.worker}part001.tar", (f"{EGO_100K.worker}part002.tar::good.mp4", None))
    assert "cannot be read as a tar" in str(bad.fault)


def test_a_hub_error_during_listing_is_quoted(hub: Hub, clip: bytes) -> None:
    """A shard and a folder that it refuses to tell of keep its answer as their fault; the others are found."""
    first, second = f"{EGO_100K.folder}/{SHARD}", "factory001/worker002"
    hub.repos[1].files |= {
        f"{second}/part001.tar": tar_bytes([("other.mp4", clip)]),
        "factory001/worker003/3.mp4": clip,
    }
    hub.faults = {first: [Fault(status=503)] * REFUSALS, f"/tree/{COMMIT}/{second}": [Fault(status=429)] * REFUSALS}
    shard, folder, clip_there = list_clips([f"hf://datasets/{EGO_100K.data_set}/factory001/worker00*/"]).clips
    assert shard.spec == EGO_100K.tar
    assert "the hub answered 503" in str(shard.fault)
    assert folder.spec == f"hf://datasets/{EGO_100K.data_set}/{second}"
    assert "too many requests from here (429)" in str(folder.fault)
    assert clip_there == (f"hf://datasets/{EGO_100K.data_set}/factory001/worker003/3.mp4", None)


def test_a_listing_that_stalls_is_given_up(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A list of files that stops in its middle is waited for as long as any answer, and told of in our words alone."""
    monkeypatch.setattr("models.weights.hub_client.ANSWERS_WITHIN_S", 0.1)
    hub.faults = {f"/tree/{COMMIT}/{EGO_100K.folder}": [Fault(cut_after=10, holds=True)] * REFUSALS}
    (worker,) = list_clips([EGO_100K.worker]).clips
    assert "cannot be reached (timed out)" in str(worker.fault)
    assert capfd.readouterr().err == ""


def test_long_lists_come_in_pages(hub: Hub, clip: bytes) -> None:
    """Each page names the next, and a page that is refused once is asked for again."""
    hub.page_entries = 3
    hub.repos[1].files |= {f"many/{number}.mp4": clip for number in range(8)}
    hub.faults = {f"/tree/{COMMIT}/many": [Fault(status=502)]}
    assert len(clips_named([f"hf://datasets/{EGO_100K.data_set}/many/"])) == 8


@pytest.mark.parametrize("spec", [EGO_100K.worker, EGO_100K.tar], ids=["folder", "shard"])
def test_a_download_also_finds_the_clips(hub: Hub, spec: str) -> None:
    """From a server without ranges a shard is fetched to see what is in it; where there are ranges it can wait."""
    expected = [EGO_100K.clip(number) for number in range(5)]
    list_clips([EGO_10K.worker], download=True)
    assert all(made.range for made in hub.asked(EGO_10K.shard) if made.path.startswith("/storage"))
    hub.ranges = False
    assert "fetch it with --cache-source" in str(list_clips([spec]).clips[0].fault)
    assert clips_named([spec], download=True) == expected
    assert open_clip(expected[2], download=True).fetched_bytes == 0


def test_a_data_set_without_a_valid_hub_name_is_refused(hub: Hub) -> None:
    """A repository of models under the same name is not taken for a data set."""
    hub.repos = [Repo(EGO_10K.data_set, {"a.mp4": b"x"})]
    assert "there is no repository of this name" in refusal(f"hf://datasets/{EGO_10K.data_set}/a.mp4")


def test_a_folder_on_the_hub_is_judged_by_names_first(hub: Hub, clip: bytes) -> None:
    """Only what has no telling name is looked at: its first bytes, and of no more files than a bound."""
    folder = f"{EGO_100K.data_set}/mixed"
    names = ["a.MOV", "b.json", "c.jpg", "d", "e.dat", "f.txt", "g.mp3"]
    content = {"d": clip, "e.dat": bytes(70_000)}
    hub.repos[1].files |= {f"mixed/{name}": content.get(name, b"x") for name in names}
    listing = list_clips([f"hf://datasets/{folder}/"])
    assert [each.spec.rpartition("/")[2] for each in listing.clips] == ["a.MOV", "d"]
    reasons = {each.path.rpartition("/")[2]: each.reason for each in listing.left_out}
    assert reasons == {
        "b.json": "text", "c.jpg": "picture", "e.dat": "unknown content", "f.txt": "text", "g.mp3": "audio",
    }  # fmt: skip
    read = {made.path.rpartition("/")[2] for made in hub.requests if made.range and "/mixed/" in made.path}
    assert read == {"d", "e.dat"}


def test_few_files_without_a_telling_name_are_looked_at(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound they are left out, with that reason."""
    monkeypatch.setattr("stream.sources.remote.listing._MOST_HEADS", 2)
    hub.repos[1].files |= {f"many/{number}": b"\0" for number in range(4)}
    (only,) = list_clips([f"hf://datasets/{EGO_100K.data_set}/many/"]).clips
    assert "2 x file without a telling name (2, 3)" in str(only.fault)


def test_a_shard_on_the_hub_is_judged_by_names_first(hub: Hub, clip: bytes) -> None:
    """The first bytes of a member without a telling name mostly come with its header."""
    members = [("a.mkv", bytes(100_000)), ("b", clip), ("c.json", b"{}"), ("d.png", b"x"), ("e", bytes(100_000))]
    hub.repos[1].files[PATH] = tar_bytes(members)
    listing = list_clips([EGO_100K.tar])
    assert [each.spec.rpartition("::")[2] for each in listing.clips] == ["a.mkv", "b"]
    assert [each.reason for each in listing.left_out] == ["text", "picture", "unknown content"]
    assert len(hub.asked(f"/storage/datasets/{EGO_100K.data_set}/{PATH}")) <= len(members) + 2

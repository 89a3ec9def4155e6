"""What goes wrong on the way to a clip on the hub: each failure is one sentence, or is tried again."""

import errno
import logging
from collections import Counter
from pathlib import Path

import pytest

from stream.errors import ExitCode, NoRoomError, SourceError, exit_code_of
from stream.sources.discover import list_clips
from stream.sources.remote import file as remote_file
from stream.sources.remote.storage import pinned_commit
from stream.sources.table import open_clip
from tests.support.data_hub import EGO_10K, EGO_100K, tar_bytes
from tests.support.hub_listings import COMMIT, Repo
from tests.support.hub_server import TOKEN, Fault, Hub

SHARD = EGO_100K.shard
PATH = f"{EGO_100K.folder}/{SHARD}"
REFUSALS = 6
"""As often as the client asks."""


def refusal(spec: str, *, download: bool = False) -> str:
    """The one sentence with which a clip is refused."""
    with pytest.raises(SourceError) as caught:
        open_clip(spec, download=download).open().read()
    assert exit_code_of(caught.value) == ExitCode.INPUT
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


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


def test_a_busy_hub_is_tried_again(hub: Hub, remote_clip: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """After 429 with Retry-After, and after server errors, it continues, and the wait is reported to the user."""
    caplog.set_level(logging.INFO, "models")
    hub.faults = {
        f"/storage/datasets/{EGO_100K.data_set}/{EGO_100K.folder}/{SHARD}": [
            Fault(status=429, headers={"Retry-After": "3"}),
            Fault(status=503),
        ]
    }
    with open_clip(EGO_100K.clip(2)).open() as file:
        assert file.read() == remote_clip
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("models.")]
    assert messages == ["the hub limits the rate of requests: trying again in 4 s"]


def test_a_hub_that_keeps_failing_is_given_up(hub: Hub) -> None:
    """After the last try the sentence says what the hub answered."""
    hub.faults = {SHARD: [Fault(status=500)] * REFUSALS}
    assert "the hub answered 500" in refusal(EGO_100K.clip(2))


def test_a_hub_out_of_reach_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the endpoint and the variable that sets it."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    message = refusal(EGO_100K.clip(2))
    assert "the hub at http://127.0.0.1:9 cannot be reached" in message
    assert "HF_ENDPOINT" in message
    assert hub.requests == []


def test_a_cut_connection_is_tried_again(hub: Hub, remote_clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block that was cut is requested again, and no other one."""
    monkeypatch.setattr(remote_file, "BLOCK_BYTES", 8192)
    source = open_clip(EGO_100K.clip(2))
    block = source.offset + 8192
    hub.requests.clear()
    hub.faults = {SHARD: [Fault(cut_after=1000, first_byte=block)] * 4}
    with source.open() as file:
        assert file.read() == remote_clip
    requested = Counter(request.range for request in hub.requests_for(f"/storage/datasets/{EGO_100K.data_set}/{PATH}"))
    assert requested[f"bytes={block}-{block + 8191}"] == 5
    assert sum(requested.values()) == len(requested) + 4


def test_one_shard_that_cannot_be_read_does_not_hide_the_others(hub: Hub, remote_clip: bytes) -> None:
    """It stays in the list as it is named, with what is wrong with it."""
    hub.repos[1].files[f"{EGO_100K.folder}/part001.tar"] = b"no tar at all" * 100
    hub.repos[1].files[f"{EGO_100K.folder}/part002.tar"] = tar_bytes([("good.mp4", remote_clip)])
    *_, bad, good = list_clips([EGO_100K.worker]).clips
    assert (bad.spec, good.spec) == (f"{EGO_100K.worker}part001.tar", f"{EGO_100K.worker}part002.tar::good.mp4")
    assert "cannot be read as a tar" in str(bad.fault)


def test_a_hub_error_during_listing_is_quoted(hub: Hub, remote_clip: bytes) -> None:
    """A shard and a folder that it refuses to tell of keep its answer as their fault; the others are found."""
    first, second = f"{EGO_100K.folder}/{SHARD}", "factory001/worker002"
    hub.repos[1].files |= {
        f"{second}/part001.tar": tar_bytes([("other.mp4", remote_clip)]),
        "factory001/worker003/3.mp4": remote_clip,
    }
    hub.faults = {first: [Fault(status=503)] * REFUSALS, f"/tree/{COMMIT}/{second}": [Fault(status=429)] * REFUSALS}
    shard, folder, clip_there = list_clips([f"hf://datasets/{EGO_100K.data_set}/factory001/worker00*/"]).clips
    assert shard.spec == EGO_100K.tar
    assert "the hub answered 503" in str(shard.fault)
    assert folder.spec == f"hf://datasets/{EGO_100K.data_set}/{second}"
    assert "too many requests from here (429)" in str(folder.fault)
    assert clip_there.spec == f"hf://datasets/{EGO_100K.data_set}/factory001/worker003/3.mp4"


def test_a_listing_that_stalls_is_given_up(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A list of files that stops in its middle is waited for as long as any answer, and told of in our words alone."""
    monkeypatch.setattr("models.weights.hub_client.ANSWERS_WITHIN_S", 0.1)
    hub.faults = {f"/tree/{COMMIT}/{EGO_100K.folder}": [Fault(cut_after=10, holds=True)] * REFUSALS}
    (worker,) = list_clips([EGO_100K.worker]).clips
    assert "cannot be reached (timed out)" in str(worker.fault)
    assert capfd.readouterr().err == ""


def test_a_data_set_without_a_valid_hub_name_is_refused(hub: Hub) -> None:
    """A repository of models under the same name is not taken for a data set."""
    hub.repos = [Repo(EGO_10K.data_set, {"a.mp4": b"x"})]
    assert "there is no repository of this name" in refusal(f"hf://datasets/{EGO_10K.data_set}/a.mp4")

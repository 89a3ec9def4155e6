"""Models from the hub: what comes, what is asked again, what is refused, and where the token goes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import ModelUnavailableError
from models.weights.fetch import Progress
from models.weights.hub_cache import cached_models
from models.weights.token import hub_token, openai_key
from models.weights.weights import cached, fetched, split_revision, weights_sha256
from tests.support.hub_listings import COMMIT, sha256
from tests.support.hub_server import TOKEN, Fault, Hub
from tests.support.tiny_hub import NAME, STORED, WEIGHTS, tiny_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, asked by this process."""
    with tiny_hub(tmp_path, monkeypatch) as hub:
        yield hub


def _weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def _refused(**how: Any) -> str:  # noqa: ANN401  (the arguments of ``fetched``)
    """The sentence with which fetching fails."""
    with pytest.raises(ModelUnavailableError) as caught:
        fetched(NAME, **how)
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_what_was_fetched_is_found_without_network(hub: Hub) -> None:
    """Configuration, tokenizer and weights come; the branch's commit is noted, so that the cache alone suffices."""
    folder = fetched(NAME)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert _weights(folder) == WEIGHTS
    hub.requests.clear()
    assert cached(NAME) == cached(NAME, COMMIT) == folder
    assert hub.requests == []


def test_progress_adds_up(hub: Hub) -> None:
    """Progress never goes back and ends with all bytes."""
    reports: list[Progress] = []
    fetched(NAME, report=reports.append)
    done_bytes = [now.done_bytes for now in reports]
    assert done_bytes == sorted(done_bytes)
    assert reports[-1].done_bytes == reports[-1].total_bytes == len(WEIGHTS) + 5
    assert hub.requests_for("model.safetensors")


def test_cut_download_continues_with_a_range_request(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a connection is cut the rest is requested, as often as it happens."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)
    hub.faults[STORED] = [Fault(cut_after=1000), Fault(cut_after=500)]
    assert _weights(fetched(NAME)) == WEIGHTS
    assert [request.range for request in hub.requests_for(STORED)] == [None, "bytes=1000-", "bytes=1500-"]


def test_interrupted_download_is_continued_later(hub: Hub) -> None:
    """What an ended fetch has completed is kept, and the next one fetches the rest."""
    hub.faults[STORED] = [Fault(cut_after=300_000), *[Fault(status=503)] * 9]
    assert _refused().endswith("the hub answered 503 Service Unavailable; try again later")
    hub.faults.clear()
    hub.requests.clear()
    assert _weights(fetched(NAME)) == WEIGHTS
    assert len(hub.requests_for(STORED)) == 1
    assert hub.requests_for("tokenizer.json") == []


def test_server_without_ranges_sends_the_file_again(hub: Hub) -> None:
    """A server that sends the whole file instead of the rest leaves the file right all the same."""
    hub.ranges = False
    hub.faults[STORED] = [Fault(cut_after=1000)]
    assert _weights(fetched(NAME)) == WEIGHTS


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_wrong_content_never_enters_the_cache(tmp_path: Path, hub: Hub, name: str) -> None:
    """A file that is not what its digest says is fetched twice, refused and removed; later the right one comes."""
    right = hub.repos[0].files[name]
    hub.served[name] = bytes(len(right))
    assert "fetch it again" in _refused()
    assert len(hub.requests_for(f"/{name}" if name == "config.json" else STORED)) == 2
    blobs = tmp_path / "hub" / "models--someone--tiny" / "blobs"
    assert bytes(len(right)) not in [path.read_bytes() for path in blobs.iterdir()]
    hub.served.clear()
    assert (fetched(NAME) / name).read_bytes() == right


def test_a_file_that_was_damaged_once_is_fetched_again(hub: Hub) -> None:
    """Bits that were turned on the way cost a second fetch, and nothing else."""
    hub.served["model.safetensors"] = bytes(len(WEIGHTS))

    def heal(now: Progress) -> None:
        if now.done_bytes == now.total_bytes:
            hub.served.clear()

    assert _weights(fetched(NAME, report=heal)) == WEIGHTS
    assert len(hub.requests_for(STORED)) == 2


def test_a_cached_file_is_checked_before_it_is_used(hub: Hub) -> None:
    """Weights that were damaged in the cache are refused by their digest, and fetched again."""
    blob = (fetched(NAME) / "model.safetensors").resolve()
    blob.write_bytes(bytes(len(WEIGHTS)))
    with pytest.raises(ModelUnavailableError, match="is damaged, its SHA-256 is not"):
        weights_sha256(cached(NAME))
    hub.requests.clear()
    assert _weights(fetched(NAME)) == WEIGHTS
    assert weights_sha256(cached(NAME)) == sha256(WEIGHTS)


def test_new_commit_brings_only_what_changed(hub: Hub) -> None:
    """After a push the branch is followed, and unchanged files stay; the old commit can still be named."""
    old = fetched(NAME)
    hub.repos[0].commit = "f" * 40
    hub.repos[0].files["config.json"] = b'{"new": 1}'
    hub.requests.clear()
    new = fetched(NAME)
    assert (new / "config.json").read_bytes() == b'{"new": 1}'
    assert _weights(new) == WEIGHTS
    assert hub.requests_for(STORED) == []
    assert (cached(NAME), cached(NAME, COMMIT)) == (new, old)


def test_revision_is_part_of_a_name() -> None:
    """``name@revision`` names a commit, a tag or a branch; a name without is the main branch's."""
    assert split_revision(f"{NAME}@{COMMIT}") == (NAME, COMMIT)
    assert split_revision(NAME) == (NAME, None)


@pytest.mark.parametrize("status", [429, 503])
def test_waits_for_the_hubs_retry_after(hub: Hub, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """A busy hub is tried again after its Retry-After, and the wait is reported to the user."""
    hub.faults["/revision/main"] = [Fault(status, {"Retry-After": "7"})]
    hub.faults[STORED] = [Fault(status, {"RateLimit": '"api";r=0;t=9'} if status == 429 else {"Retry-After": "9"})]
    assert _weights(fetched(NAME)) == WEIGHTS
    # the client itself waits a second more
    waits_s = [7, 10] if status == 429 else [7, 9]
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("models.")]
    assert messages == [f"the hub limits the rate of requests: trying again in {each} s" for each in waits_s]


def test_too_long_a_retry_after_fails_the_download(hub: Hub) -> None:
    """The program does not wait for an hour: the error says when to try again."""
    hub.faults["/revision/main"] = [Fault(429, {"Retry-After": "3600"})]
    assert "(429); try again in 3600 s, or set HF_TOKEN" in _refused()


def test_gated_model_error_names_the_page_for_access(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gated model names the page to ask at, and what is missing: a token, or that account's access."""
    hub.repos[0].access = "gated"
    page = f"{hub.endpoint}/{NAME}"
    assert f"is gated; ask for access at {page}, then set HF_TOKEN" in _refused()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert f"is gated; ask for access at {page} with the account whose token HF_TOKEN holds" in _refused()


def test_bad_token_is_named_not_shown(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that the hub does not know is said to be so, and is not printed."""
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    message = _refused()
    assert "does not know the token in HF_TOKEN" in message
    assert "hf_expired" not in message
    assert hub.requests


def test_private_model_opens_to_its_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that the hub shows to nobody comes with the token, which the storage behind the hub never sees."""
    hub.repos[0].access = "private"
    assert "or it is private; check the name, or set HF_TOKEN" in _refused()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.requests.clear()
    assert _weights(fetched(NAME)) == WEIGHTS
    authorizations = {request.path.startswith("/storage/"): request.authorization for request in hub.requests}
    assert authorizations == {False: f"Bearer {TOKEN}", True: None}


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("someone/else", None, "the model 'someone/else' cannot be fetched: there is no repository"),
        (NAME, "v2", "has no such revision"),
        ("a/b/c", None, "'a/b/c' is neither a folder nor a name on the hub"),
    ],
)
def test_what_the_hub_has_not_is_named(hub: Hub, name: str, revision: str | None, message: str) -> None:
    """A name or a revision that does not exist is an error that says which."""
    assert hub.repos
    with pytest.raises(ModelUnavailableError, match=message):
        fetched(name, revision)


def test_server_that_is_not_a_hub_is_reported(hub: Hub) -> None:
    """A page of a hotel's network instead of the hub is recognised."""
    hub.repos[0].name = "someone/portal"
    hub.faults["/revision/main"] = [Fault(200, {})]
    assert "does not answer like one" in _refused()


def test_offline_uses_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline mode fails before any request."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE forbids the network" in _refused()
    assert hub.requests == []


def test_full_disk_is_known_before_the_first_byte(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the weights would not fit nothing is fetched, and the error is that of a full disk."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": len(WEIGHTS) - 1}))
    with pytest.raises(OSError, match="bytes are to come"):
        fetched(NAME)
    assert hub.requests_for(STORED) == []


def test_cache_that_cannot_be_written_is_named(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder stands in the sentence, and the variable that chooses another; nothing is fetched."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "file"))
    message = _refused()
    assert f"the hub's cache {tmp_path}/file cannot be used (Not a directory: " in message
    assert "set HF_HOME to a folder that can be written" in message
    assert hub.requests_for(STORED) == []


def test_token_comes_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment goes before ``.env``, HF_TOKEN before HF_KEY, blanks count as nothing, nothing is exported.

    The file is the hub's alone: a key for a server is not looked for in it.
    """
    for name in ("HF_TOKEN", "HF_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert (hub_token(), openai_key()) == (None, None)
    (tmp_path / ".env").write_text("HF_KEY=of_file\nOPENAI_API_KEY='sk$x'\nHF_TOKEN=\n")
    assert (hub_token(), openai_key()) == ("of_file", None)
    assert "HF_KEY" not in os.environ
    monkeypatch.setenv("HF_KEY", " of_environment\n")
    assert hub_token() == "of_environment"
    monkeypatch.setenv("HF_TOKEN", "first")
    assert hub_token() == "first"
    monkeypatch.setenv("OPENAI_API_KEY", "sk$x\n")
    assert openai_key() == "sk$x"


@pytest.mark.parametrize("value", ["two words", "naïve", "a\x07b"])
def test_impossible_token_is_refused_unseen(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """What cannot be sent as a header is refused by the name of its variable, without its value."""
    monkeypatch.setenv("HF_TOKEN", value)
    with pytest.raises(ModelUnavailableError, match="HF_TOKEN holds") as caught:
        hub_token()
    assert value not in str(caught.value)


def test_cached_models_and_what_they_lack(hub: Hub) -> None:
    """The cache's models are listed with commit, branch and size; half of one is said to be half."""
    assert cached_models() == ()
    hub.faults[STORED] = [Fault(status=503)] * 99  # more than are asked for
    assert _refused().endswith("the hub answered 503 Service Unavailable; try again later")
    hub.faults.clear()
    [half] = cached_models()
    assert (half.name, half.commit, half.revisions) == (NAME, COMMIT, ())
    assert half.fault is not None
    assert "model.safetensors is missing" in half.fault
    fetched(NAME)
    [whole] = cached_models()
    assert (whole.fault, whole.revisions, whole.size_bytes) == (None, ("main",), len(WEIGHTS) + 5)

"""``export --push``: what the hub holds afterwards, and what is sent."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import stamina

from tests.support.coded_run import SEGMENTS, make_coded_run
from tests.support.exports import contents
from tests.support.hub_listings import Repo
from tests.support.hub_server import TOKEN, Fault, Hub, point_client_at, serving
from tests.support.inline import run_here

ADDRESS = "hf://datasets/someone/bench"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_coded_run(tmp_path_factory.mktemp("coded"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub without a data set, and a client that sends large files by LFS and waits for nothing."""
    with serving() as hub, stamina.set_testing(True, attempts=3):
        point_client_at(hub, tmp_path, monkeypatch)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


def push(run: Path, *more: str, formats: str = "clips") -> CompletedProcess[str]:
    result = run_here("export", formats, run, "--to", "set", "--video", "raw", "--push", ADDRESS, *more)
    assert TOKEN not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result


def pushed(hub: Hub) -> dict[str, bytes]:
    """What the hub holds of the export."""
    (repo,) = hub.repos
    return {path: content for path, content in repo.files.items() if path != ".gitattributes"}


def puts(hub: Hub) -> list[str]:
    """The large files that were sent."""
    return [request.path for request in hub.requests if request.method == "PUT"]


def test_the_hub_holds_what_the_folder_holds(run: Path, hub: Hub) -> None:
    result = push(run)
    assert result.returncode == 0, result.stderr
    assert f"7 files pushed, 0 there already: {hub.endpoint}/datasets/someone/bench" in result.stdout
    assert pushed(hub) == contents(Path("set"))
    assert hub.repos[0].access == "private"
    assert [path.endswith(".mp4") for path in hub.commits[0]] == [True] * 3
    assert hub.commits[1] == ["README.md", "episodes.csv", "episodes.jsonl", "provenance.json"]
    assert all(TOKEN.encode() not in path.read_bytes() for path in Path("set").rglob("*") if path.is_file())


def test_a_second_push_sends_what_is_new_alone(tmp_path: Path, hub: Hub) -> None:
    run = make_coded_run(tmp_path, segments=SEGMENTS[:2], finished=False)
    assert push(run, "--public").returncode == 0
    assert hub.repos[0].access == "open"
    make_coded_run(tmp_path)
    hub.commits.clear()
    assert push(run).returncode == 0
    assert hub.commits == [["clips/clip-s0002.mp4"], ["README.md", "episodes.csv", "episodes.jsonl"]]
    assert pushed(hub) == contents(Path("set"))
    assert "0 files pushed, 7 there already" in push(run).stdout
    assert len(hub.commits) == 2


@pytest.mark.parametrize("end", ["/commit/main", "/objects/batch", "/refs", "/repos/create"])
def test_a_push_that_is_cut_goes_on(run: Path, hub: Hub, end: str) -> None:
    hub.faults[end] = [Fault(status=500) for _ in range(30)]
    result = push(run, formats="lerobot")
    assert (result.returncode, "cannot be pushed" in result.stderr) == (4, True)
    assert (result.stderr.count("\n"), "the same command goes on" in result.stderr) == (1, True)
    hub.faults.clear()
    assert push(run, formats="lerobot").returncode == 0
    assert pushed(hub) == contents(Path("set"))
    assert len(puts(hub)) == len(set(puts(hub))) >= 3  # no clip was sent twice


def test_a_passing_fault_is_not_noticed(run: Path, hub: Hub) -> None:
    hub.faults["/commit/main"] = [Fault(status=503)]
    assert push(run).returncode == 0
    assert pushed(hub) == contents(Path("set"))


def test_lerobots_tag_is_on_the_last_commit(tmp_path: Path, hub: Hub) -> None:
    run = make_coded_run(tmp_path, segments=SEGMENTS[:1], finished=False)
    assert push(run, formats="lerobot").returncode == 0
    (repo,) = hub.repos
    first = repo.commit
    assert repo.tags == {"v3.0": first}
    make_coded_run(tmp_path)
    assert push(run, formats="lerobot").returncode == 0
    assert repo.tags == {"v3.0": repo.commit}
    assert repo.commit != first


def test_a_data_set_with_something_else_in_it_is_left_alone(run: Path, hub: Hub) -> None:
    hub.repos.append(Repo("someone/bench", {"thesis.txt": b"mine", "README.md": b"mine"}, kind="datasets"))
    result = push(run)
    assert (result.returncode, "holds thesis.txt, which is not of this export" in result.stderr) == (2, True)
    assert hub.repos[0].files == {"thesis.txt": b"mine", "README.md": b"mine"}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"more": ["--offline"]}, 2, "needs the network, which --offline forbids"),
        ({"formats": "clips,vtt"}, 2, "takes one format, not 2"),
        ({"formats": "lerobot", "more": ["--val-fraction", "0.5"]}, 2, "omit --val-fraction"),
        ({"more": ["--push", "someone/bench"]}, 2, "--push someone/bench: must be hf://datasets/OWNER/NAME"),
        ({"more": ["--push", "hf://datasets/a/b/c"]}, 2, "must be hf://datasets/OWNER/NAME"),
        ({"token": ""}, 5, "set HF_TOKEN"),
    ],
)
def test_what_cannot_be_pushed_is_refused_before_any_work(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], code: int, words: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", changes.get("token", TOKEN))
    result = push(run, *changes.get("more", []), formats=changes.get("formats", "clips"))
    assert (result.returncode, words in result.stderr) == (code, True), result.stderr
    assert not Path("set").exists()
    assert hub.requests == []


def test_a_token_that_the_hub_does_not_know_is_named_and_not_shown(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    result = push(run)
    assert (result.returncode, "does not know the token in HF_TOKEN" in result.stderr) == (4, True)
    assert "hf_another" not in result.stdout + result.stderr
    assert hub.commits == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "has no permission for that"),
        (409, "something else has changed it at the same time"),
        (412, "something else has changed it at the same time"),
        (413, "answered 413"),
        (429, "too many requests from here (429); try again"),
        (503, "answered 503"),
    ],
)
@pytest.mark.parametrize("upload", [True, False])
def test_a_refusal_is_one_sentence_and_the_push_goes_on(
    run: Path, hub: Hub, status: int, words: str, *, upload: bool
) -> None:
    assert run_here("export", "clips", run, "--to", "set", "--video", "raw").returncode == 0
    clips = [sha256(path.read_bytes()).hexdigest() for path in Path("set/clips").iterdir()]
    fault = Fault(status=status, headers={"Retry-After": "0"})
    hub.faults = {end: [fault] * 30 for end in (clips if upload else ["/commit/main"])}
    result = push(run)
    sentence = result.stderr.splitlines()[-1]
    assert (result.returncode, words in sentence, "the same command goes on" in sentence) == (4, True, True), sentence
    assert hub.storage not in result.stderr
    hub.faults.clear()
    assert push(run).returncode == 0
    assert pushed(hub) == contents(Path("set"))


@pytest.mark.parametrize(
    "error",
    [
        PermissionError("a token of the storage has expired"),  # as hf_xet raises it
        ConnectionError("cannot reach https://storage/a?X-Amz-Signature=hidden"),
        RuntimeError("the upload of 'https://storage/a?X-Amz-Signature=hidden' failed"),
        KeyError("url"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failure_of_the_client_is_one_sentence_without_signatures(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("huggingface_hub.hf_api.HfApi.create_commit", fail)
    result = push(run)
    assert (result.returncode, result.stderr.count("\n")) == (4, 1), result.stderr
    assert "the data set 'someone/bench' cannot be pushed: " in result.stderr
    assert "hidden" not in result.stderr
    assert hub.commits == []

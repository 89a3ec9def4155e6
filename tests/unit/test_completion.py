"""What a shell offers for the word that is being typed."""

import pytest
from click.shell_completion import get_completion_class

from stream.cli import cli
from stream.commands.completion import VARIABLE
from stream.commands.shell import BashWords


def completed(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What Bash, which has split the line into these words, gets for the last one."""
    monkeypatch.setenv("COMP_WORDS", "\n".join(["egoclean-stream", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    bash = BashWords(cli, {}, "egoclean-stream", VARIABLE)
    return [item.value for item in bash.get_completions(*bash.get_completion_args())]


@pytest.mark.parametrize("before", [[], ["run"], ["clip.mp4"], ["--pace", "=", "fast"], ["run", "clip.mp4"]])
def test_bash_completes_a_value_after_an_equals_sign(monkeypatch: pytest.MonkeyPatch, before: list[str]) -> None:
    """Bash passes ``--encoder=gr`` as three words; the sign is none of the program's arguments."""
    assert completed(monkeypatch, *before, "--encoder", "=", "gr") == ["grid"]
    assert "grid" in completed(monkeypatch, *before, "--encoder", "=")


def test_formats_are_completed_after_each_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name is offered once, with the names before it, since they are one word."""
    assert {"lerobot", "clips", "parquet"} <= set(completed(monkeypatch, "export", ""))
    assert completed(monkeypatch, "export", "lerobot2") == ["lerobot21"]
    assert completed(monkeypatch, "export", "lerobot,web") == ["lerobot,webdataset"]
    assert "clips,clips" not in completed(monkeypatch, "export", "clips,")


def test_the_program_completes_so_in_bash() -> None:
    """It answers by the class that its script was made with."""
    assert get_completion_class("bash") is BashWords

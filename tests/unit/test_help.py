"""The help of every command, and what a shell completes."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete
from click.testing import CliRunner, Result

from stream.cli import COMMANDS, cli
from stream.commands.command import BY_SIGNAL, Command
from stream.commands.completion import VARIABLE
from stream.config import OPTIONS


def helped(*words: str) -> Result:
    """The result of a help."""
    return CliRunner().invoke(cli, list(words), catch_exceptions=False)


def every_command() -> Iterator[tuple[str, ...]]:
    """Each command, those of groups included."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        yield (name,)
        if isinstance(command, click.Group):
            yield from ((name, each) for each in command.commands)


def flags_in(text: str) -> list[str]:
    """The options that are listed."""
    return re.findall(r"^  (?:-[a-z], )?(--[a-z0-9-]+)", text, re.MULTILINE)


def test_the_help_of_run_is_short_and_in_groups() -> None:
    """About fifteen daily options, under titles; all others by ``--help-all``, none of them twice."""
    short, whole = helped("run", "--help").output, helped("run", "--help-all").output
    assert 12 <= len(flags_in(short)) <= 20
    assert "more options: egoclean-stream run --help-all" in short.replace("cli run", "egoclean-stream run")
    for each in OPTIONS.values():
        assert flags_in(whole).count(each.flag) == 1
        assert (each.flag in flags_in(short)) == each.extra["daily"]
    titles = re.findall(r"^([A-Z][A-Za-z ]+):$", whole, re.MULTILINE)
    assert {"Lens", "Encoder", "Annotator", "Detector", "Live sources", "Output", "Runtime"} <= set(titles)
    assert titles[-3:] == ["Options", "Examples", "Exit codes"]


@pytest.mark.parametrize("path", list(OPTIONS))
def test_every_option_is_explained(path: str) -> None:
    """A sentence with its default: a value, or what stands for none."""
    each = OPTIONS[path]
    assert each.extra["help"].endswith(".")
    if each.field.default is None:
        assert each.extra["unset"] or each.path in {"annotator.url", "annotator.task", "encoder.onnx"}


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_every_command_has_examples(words: tuple[str, ...]) -> None:
    """Examples stand at the end of each help, and name commands that exist."""
    text = helped(*words, "--help").output
    examples = re.findall(r"^  (?:eval \"\$\()?egoclean-stream (\S+)", text.partition("Examples:")[2], re.MULTILINE)
    assert examples
    assert all(name in COMMANDS or name == "clip.mp4" for name in examples)


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_defaults_and_ranges_are_written_alike(words: tuple[str, ...]) -> None:
    """In one pair of brackets, ``[default: 20; at least 0 and at most 51]``: no parentheses, no ``20.0``."""
    text = " ".join(helped(*words, "--help").output.split())
    assert re.findall(r"\] \[(?:default|above|at)", text) == []
    assert re.findall(r"\[default: (?:\(|\d+\.0[\];])", text) == []


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_no_range_has_a_number_of_seven_digits(words: tuple[str, ...]) -> None:
    """A bound that only refuses nonsense is left out: it would tell nobody what to choose."""
    text = helped(*words, "--help-all" if has_long_help(words) else "--help").output
    assert re.findall(r"(?:at most|below) \d{7,}", " ".join(text.split())) == []


@pytest.mark.parametrize("words", [(), *every_command()], ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "--help-all", "-h"])
def test_no_line_is_longer_than_80_columns(
    words: tuple[str, ...], option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Examples included, also in a wider terminal; ``-h`` is short for ``--help``."""
    monkeypatch.setenv("COLUMNS", "200")
    if option == "--help-all" and not has_long_help(words):
        return
    text = helped(*words, option).output
    assert text.startswith("Usage: ")
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("words", [(), ("models",), ("bench",)], ids=" ".join)
def test_a_list_of_commands_has_whole_sentences(words: tuple[str, ...]) -> None:
    """Each is the first of the command's own help."""
    listed = helped(*words, "--help").output.partition("Commands:")[2].partition("\n\n")[0]
    assert listed
    assert "..." not in listed


def has_long_help(words: tuple[str, ...]) -> bool:
    """Whether a command has ``--help-all``."""
    return bool(words) and "--help-all" in helped(*words, "--help").output


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (("run",), {"-e": "--encoder", "-j": "--jobs", "-o": "--out"}),
        (("rectify",), {"-o": "--out"}),
        (("analyze",), {"-o": "--out"}),
        (("check-rectify",), {"-o": "--out"}),
        (("bench", "chain"), {"-o": "--out", "-e": "--encoder"}),
        (("models", "export-onnx"), {"-o": "--out"}),
        (("tail",), {"-n": "--last"}),
    ],
)
def test_daily_options_have_short_forms(words: tuple[str, ...], flags: dict[str, str]) -> None:
    """The help shows them before the long ones."""
    text = helped(*words, "--help").output
    assert {short: re.findall(rf"^  {short}, (--[a-z-]+)", text, re.MULTILINE) for short in flags} == {
        short: [flag] for short, flag in flags.items()
    }


def completed(*words: str, shell: type[ShellComplete] = BashComplete) -> set[str]:
    """What a shell offers for the last word."""
    complete = shell(cli, {}, "egoclean-stream", VARIABLE)
    return {item.value for item in complete.get_completions(list(words[:-1]), words[-1])}


def typed(shell: type[ShellComplete], word: str) -> str:
    """What the program answers a shell that completes the first word."""
    complete = shell(cli, {}, "egoclean-stream", VARIABLE)
    return "\n".join(complete.format_completion(each) for each in complete.get_completions([], word))


@pytest.mark.parametrize(
    ("shell", "file"),
    [(BashComplete, "file,cl"), (ZshComplete, "file\ncl\n_"), (FishComplete, "file,cl")],
)
def test_without_a_command_a_shell_completes_clips_and_options_of_run(
    shell: type[ShellComplete], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths where no command begins so, and beside the commands that do; options of the program and of ``run``."""
    monkeypatch.chdir(tmp_path)
    for name in ("clip.mp4", "demo_b.mp4", "other.mp4"):
        (tmp_path / name).touch()
    assert typed(shell, "cl") == file
    assert completed("de", shell=shell) == {"demo", "detect", "demo_b.mp4"}
    assert {"run", "rectify", "clip.mp4", "other.mp4"} <= completed("", shell=shell)
    assert "--encoder-model" in completed("--enc", shell=shell)
    assert "--version" in completed("--v", shell=shell)
    assert "vjepa2" in completed("--encoder", "v", shell=shell)
    assert typed(shell, "clips/").startswith("file")
    assert "--weights" in completed("bench", "--we", shell=shell)
    assert "chain" in completed("bench", "ch", shell=shell)


def test_a_shell_completes_commands_options_and_choices() -> None:
    """Also without the word ``run``."""
    assert {"run", "rectify", "models"} <= completed("r") | completed("m")
    assert "--encoder-model" in completed("run", "--enc")
    assert "--encoder-model" in completed("clip.mp4", "--enc")
    assert completed("run", "--pace", "") == {"realtime", "fast"}
    assert completed("run", "clip.mp4", "--encoder", "v") == {"vjepa2"}
    assert completed("rectify", "--codec", "h2") == {"h264"}


@pytest.mark.parametrize("name", ["run", "demo", "annotate", "rectify", "export"])
def test_commands_that_take_long_wait_for_no_reader(name: str) -> None:
    """A stopped terminal does not hold them up, and each signal that stops them has its exit code in the help."""
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, Command)
    assert command.never_waits
    assert set(BY_SIGNAL) <= set(command.exit_codes)


def test_exit_code_4_means_of_each_command_what_it_does() -> None:
    """``show`` describes nothing and loses no video: some runs could not be read."""
    for name, meaning in (("show", "could not be read"), ("export", "could not be exported"), ("run", "was damaged")):
        help_text = " ".join(helped(name, "--help").output.split())
        assert re.search(rf" 4 done, but some [^0-9]*{meaning}", help_text), help_text

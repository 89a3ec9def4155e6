"""What the command line refuses: one sentence in the program's own words, and exit code 2."""

from pathlib import Path

import click
import pytest

from stream.cli import cli
from stream.commands.usage import usage_sentence
from stream.errors import UsageError


def refusal(*words: str) -> str:
    """The sentence for a command line."""
    with pytest.raises((click.ClickException, UsageError)) as caught:
        cli.main(list(words), prog_name="egoclean-stream", standalone_mode=False)
    error = caught.value
    return usage_sentence(error) if isinstance(error, click.ClickException) else str(error)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("run --encodr grid", "`egoclean-stream run` has no option --encodr: did you mean --encoder?"),
        ("clip.mp4 --no-loob", "`egoclean-stream run` has no option --no-loob: did you mean --no-loop?"),
        ("tail x --zzz", "`egoclean-stream tail` has no option --zzz: `egoclean-stream tail --help` lists them"),
        ("--verison", "`egoclean-stream run` has no option --verison: did you mean `egoclean-stream --version`?"),
        ("run --alpha 1", "`egoclean-stream run` has no option --alpha: did you mean --detector-alpha?"),
        ("c.mp4 --url x", "`egoclean-stream run` has no option --url: did you mean --annotator-url?"),
        (
            "run --model x",
            "`egoclean-stream run` has no option --model: did you mean --encoder-model or --annotator-model?",
        ),
        ("run --s 1", "`egoclean-stream run` has no option --s: `egoclean-stream run --help` lists them"),
        ("models ftch", "`egoclean-stream models` has no command ftch: did you mean fetch?"),
        ("show", "RUN... is missing: `egoclean-stream show --help` describes it"),
        ("run", "CLIP... is missing: `egoclean-stream run --help` describes it"),
        ("models export-onnx", "--out is missing: `egoclean-stream models export-onnx --help` describes it"),
        ("tail a b", "`egoclean-stream tail` takes only RUN: b is too much"),
        ("models list a", "`egoclean-stream models list` takes no arguments: a is too much"),
        ("rectify clip.mp4 --out", "--out needs a value"),
        ("rectify clip.mp4 --overwrite=3", "--overwrite takes no value"),
        ("completion tcsh", "SHELL tcsh: must be one of bash, zsh, fish"),
    ],
)
def test_every_refusal_is_one_sentence(words: str, sentence: str) -> None:
    """It names the argument, and what would be right."""
    assert refusal(*words.split()) == sentence


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("modls", "did you mean `egoclean-stream models`?"),
        ("export-onnx --out e.onnx", "did you mean `egoclean-stream models export-onnx`?"),
        ("ftch", "did you mean `egoclean-stream models fetch`?"),
        ("analyse runs/clip", "did you mean `egoclean-stream analyze`?"),
        ("bench chian", "did you mean `egoclean-stream bench chain`?"),
        ("help", "did you mean `egoclean-stream --help`?"),
        ("sandwich", "`egoclean-stream --help` lists the commands"),
    ],
)
def test_a_misspelt_command_is_not_a_clip(
    words: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that looks like a command and names no file is refused at once, with the nearest command."""
    monkeypatch.chdir(tmp_path)
    word = words.removeprefix("bench ").split()[0]
    assert refusal(*words.split()) == f"{word} is neither a command nor a file: {meant}"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("export lerobt runs --to d", "did you mean lerobot?"),
        ("export clips,vt runs --to d", "did you mean vtt?"),
        ("run clip.mp4 --lens gopr", "did you mean gopro-wide or gopro-linear?"),
        ("run clip.mp4 --encoder vjepa", "did you mean vjepa2?"),
        ("run clip.mp4 --encoder GRID", "did you mean grid?"),
        ("run clip.mp4 --annotator qwn", "did you mean qwen?"),
        ("rectify clip.mp4 --codec h265", "did you mean hevc?"),
        ("rectify clip.mp4 --preset veryfats", "did you mean veryfast?"),
        ("show runs --sort scor", "did you mean score?"),
        ("completion bsh", "did you mean bash?"),
    ],
)
def test_a_misspelt_choice_names_the_one_that_is_meant(words: str, meant: str) -> None:
    """Behind all that are possible."""
    assert refusal(*words.split()).endswith(f": {meant}")


def test_a_choice_that_is_like_no_other_gets_no_guess() -> None:
    """All that are possible are named, and that is all."""
    assert refusal("run", "clip.mp4", "--encoder", "xyz").endswith("must be one of auto, grid, vjepa2")


@pytest.mark.parametrize("word", ["clips", "clip.mp4", "./clips", "rtsp://camera/x", "@list", "*", "-", "/dev/video0"])
def test_unknown_first_words_are_clips(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that exists, a file with an extension, an address, a list, a pattern, a device."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    ctx = cli.make_context("egoclean-stream", [word])
    assert ctx._protected_args == ["run"]


@pytest.mark.parametrize(
    ("set_", "message"),
    [
        ({"shortest_s": 200}, "shortest-s 200: must be below --detector-longest-anomaly-s 180, the default"),
        ({"longest_anomaly_s": 2}, "longest-anomaly-s 2: must be above --detector-shortest-s 3, the default"),
        ({"longest_anomaly_s": 5, "shortest_s": 9}, "longest-anomaly-s 5: must be above --detector-shortest-s 9"),
    ],
)  # fmt: skip
def test_of_two_options_the_one_that_was_set_is_blamed(
    set_: dict[str, float], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name under which it was set."""
    flags = [word for name, value in set_.items() for word in (f"--detector-{name.replace('_', '-')}", str(value))]
    assert refusal("run", "clip.mp4", *flags) == f"--detector-{message}"
    first, value = next(iter(set_.items()))
    file = tmp_path / "run.toml"
    file.write_text("[detector]\n" + "".join(f"{name} = {each}\n" for name, each in set_.items()))
    by_file = refusal("run", "clip.mp4", "--config", str(file))
    assert by_file == f"{file}: detector.{first} = {value}: {message.partition(': ')[2]}"
    for name, each in set_.items():
        monkeypatch.setenv(f"EGOCLEAN_DETECTOR_{name.upper()}", str(each))
    by_variable = refusal("run", "clip.mp4")
    assert by_variable == f"EGOCLEAN_DETECTOR_{first.upper()}={value}: {message.partition(': ')[2]}"


@pytest.mark.parametrize(("command", "named"), [("run", True), ("doctor", True), ("rectify", False), ("bench", False)])
def test_a_number_hints_at_restarts_only_where_they_are_limited(command: str, *, named: bool) -> None:
    """``--max-restarts`` is named only by commands that have it."""
    assert ("--max-restarts 3" in refusal(command, "3")) == named

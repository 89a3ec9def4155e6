"""The options: identity, validation, and where their values come from."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stream.cli import cli
from stream.commands.values import ClipName
from stream.errors import SourceError, UsageError

RUN = ("run", "clip.mp4")


def invoked(*words: str | Path) -> Result:
    """The result of a command line; errors of ours are raised."""
    return CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)


def options_of(*words: str | Path) -> dict[str, dict[str, object]]:
    """The options that a command would use."""
    result = invoked(*RUN, *words, "--show-config")
    assert result.exit_code == 0, result.output
    return tomllib.loads(result.stdout)


def origin(name: str, *words: str | Path) -> str:
    """Where the value of an option comes from, as it is printed."""
    lines = invoked(*RUN, *words, "--show-config").stdout.splitlines()
    return next(line.partition("  # ")[2] for line in lines if line.startswith(f"{name} ="))


def toml_file(folder: Path, text: str) -> Path:
    """A TOML file."""
    path = folder / "run.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--detector-alpha", "7"], "--detector-alpha 7: must be above 0 and at most 1"),
        (["--detector-alpha", "x"], "--detector-alpha x: must be a finite number, above 0 and at most 1"),
        (["--encoder-batch", "1.5"], "--encoder-batch 1.5: must be a whole number, at least 1 and at most 64"),
        (["--keyframe-cache-mib", "0"], "--keyframe-cache-mib 0: must be at least 1"),
        (["--balance", "nan"], "--balance nan: must be a finite number, at least 0 and at most 1"),
        (["--jobs", "0"], "--jobs 0: must be at least 1"),
        (["--duration-s", "0"], "--duration-s 0: must be at least 0.001 and at most 100000000"),
        (["--encoder", "best"], "--encoder best: must be one of auto, "),
        (["--pace", "slow"], "--pace slow: must be one of realtime, fast"),
        (["--on-cache-full", "wait"], "--on-cache-full wait: must be one of block, skip"),
    ],
)
def test_values_are_refused_in_one_style(words: list[str], message: str) -> None:
    """The flag, its value, and what it must be; the exit code is 2."""
    with pytest.raises(UsageError) as caught:
        invoked(*RUN, *words)
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check-rectify", "clip.mp4", "--at", "-1"], "--at -1: must be at least 0 and at most 100000000"),
        (["rectify", "clip.mp4", "--crf", "99"], "--crf 99: must be at least 0 and at most 51"),
        (
            ["rectify", "clip.mp4", "--longest-px", "x"],
            "--longest-px x: must be a whole number, at least 32 and at most 16384",
        ),
        (["rectify", "clip.mp4", "--codec", "vp9"], "--codec vp9: must be one of h264, hevc, av1"),
        (["demo", "--seconds", "inf"], "--seconds inf: must be a finite number, at least 10 and at most 3600"),
    ],
)
def test_other_commands_refuse_values_in_the_same_style(words: list[str], message: str) -> None:
    """Options that are no run's are no exception."""
    with pytest.raises(UsageError, match=f"^{message}$"):
        invoked(*words)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each origin is named; what is nowhere has its default."""
    file = toml_file(tmp_path, '[window]\nstride_s = 2.0\n[detector]\nalpha = 0.5\n[encoder]\nname = "grid"\n')
    monkeypatch.setenv("EGOCLEAN_STRIDE_S", "3")
    monkeypatch.setenv("EGOCLEAN_DETECTOR_ALPHA", "0.25")
    words = ("--config", file, "--stride-s", "4")
    values = options_of(*words)
    assert (values["window"]["stride_s"], values["detector"]["alpha"], values["encoder"]["name"]) == (4, 0.25, "grid")
    assert values["detector"]["hysteresis"] == 0.5
    assert origin("stride_s", *words) == "--stride-s"
    assert origin("alpha", *words) == "EGOCLEAN_DETECTOR_ALPHA"
    assert origin("name", *words) == str(file)
    assert origin("hysteresis", *words) == "default"


@pytest.mark.parametrize("task", ['the "left" \\ part', "fold \N{SLIGHTLY SMILING FACE}", "schön"])
def test_printed_options_are_a_file_with_the_same_values(tmp_path: Path, task: str) -> None:
    """``--show-config`` prints what ``--config`` reads: any text, and numbers however they were written."""
    words = (
        "--task",
        task,
        "--no-rectify",
        "--max-lag-s",
        "2.5",
        "--follow",
        "--stride-s",
        ".5",
        "--encoder-batch",
        "03",
    )
    file = toml_file(tmp_path, invoked(*RUN, *words, "--show-config").stdout)
    assert options_of("--config", file) == options_of(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "clip.mp4", "--encoder-batch", "3"),
        ("rectify", "clip.mp4", "--crf", "18", "--balance", ".5"),
        ("check-rectify", "clip.mp4", "--at", "2"),
        ("doctor", "--encoder", "grid"),
        ("detect", "embeddings.npy", "--mode", "offline", "--detector-alpha", "0.3"),
        ("demo", "--seconds", "12"),
        ("bench", "chain", "--seconds", "5", "--encoder", "grid"),
        ("bench", "compare", "--stride-s", "2"),
        ("models", "fetch", "--annotator", "qwen"),
        ("models", "export-onnx", "--out", "x.onnx", "--frames", "16"),
    ],
    ids=lambda words: words[0] if words[0] not in ("bench", "models") else f"{words[0]} {words[1]}",
)
def test_what_every_command_prints_is_a_file_that_it_takes(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The values are the same, with the command line's and without."""
    printed = invoked(*words, "--show-config").stdout
    required = next((at for at, word in enumerate(words) if word.startswith("--") and word != "--out"), len(words))
    again = invoked(*words[:required], "--config", toml_file(tmp_path, printed), "--show-config")
    assert tomllib.loads(again.stdout) == tomllib.loads(printed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[detecor]\nalpha = 0.2", r"there is no option detecor\.alpha: did you mean detector\.alpha\?"),
        ("[encoder]\nnme = 'grid'", r"there is no option encoder\.nme: did you mean encoder\.name\?"),
        ("stride_s = 1", r"there is no option stride_s: window\.stride_s is meant"),
        ("[detector]\nalpha = 7", r"run\.toml: detector\.alpha = 7: must be above 0 and at most 1"),
        ("[lens]\nrectify = 'perhaps'", r"run\.toml: lens\.rectify = perhaps: must be true or false"),
        ("[lens]\nrectify = 0", r"run\.toml: lens\.rectify = 0: must be true or false"),
        ("[output]\noverwrite = true", r"output\.overwrite is taken from the command line alone, as --overwrite"),
        ("[output]\nyes = true", r"output\.yes is taken from the command line alone, as --yes"),
        ("[encoder", "is not TOML"),
    ],
)
def test_files_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    """An unknown key names the nearest one; a value is refused as on the command line, and says where it is from."""
    with pytest.raises(UsageError, match=message):
        invoked(*RUN, "--config", toml_file(tmp_path, text))
    with pytest.raises(UsageError, match=r"gone\.toml cannot be read: No such file"):
        invoked(*RUN, "--config", tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EGOCLEAN_DETECTOR_ALPHA", "7", "EGOCLEAN_DETECTOR_ALPHA=7: must be above 0 and at most 1"),
        ("EGOCLEAN_OVERWRITE", "0", "EGOCLEAN_OVERWRITE=0: --overwrite is taken from the command line alone: .*"),
        ("EGOCLEAN_YES", "1", "EGOCLEAN_YES=1: --yes is taken from the command line alone: unset EGOCLEAN_YES"),
        ("EGOCLEAN_LOOP", "perhaps", "EGOCLEAN_LOOP=perhaps: must be true or false"),
    ],
)
def test_the_environment_is_named_in_errors(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    """A variable that is out of range is found by its name."""
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{message}$"):
        invoked(*RUN)


@pytest.mark.parametrize("command", ["run", "rectify"])
def test_only_the_command_line_destroys(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable overwrites, neither that of all commands nor that of one."""
    monkeypatch.setenv(f"EGOCLEAN_{command.upper()}_OVERWRITE", "1")
    assert "overwrite" not in invoked(command, "clip.mp4", "--show-config").stdout
    monkeypatch.setenv("EGOCLEAN_OVERWRITE", "1")
    with pytest.raises(UsageError, match=r"^EGOCLEAN_OVERWRITE=1: --overwrite is taken from the command line alone"):
        invoked(command, "clip.mp4")


def test_every_option_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the name of its flag, for every command that has it; a command's own option under the command's name."""
    monkeypatch.setenv("EGOCLEAN_OUT", "/data/runs")
    monkeypatch.setenv("EGOCLEAN_BALANCE", "0.5")
    assert options_of()["output"]["folder"] == "/data/runs"
    assert "balance = 0.5" in invoked("rectify", "clip.mp4", "--show-config").stdout
    monkeypatch.setenv("EGOCLEAN_RECTIFY_CRF", "99")
    with pytest.raises(UsageError, match=r"^EGOCLEAN_RECTIFY_CRF=99: must be at least 0 and at most 51$"):
        invoked("rectify", "clip.mp4")


@pytest.mark.parametrize(
    "words",
    [("3",), ("--overwrite", "3"), ("clip.mp4", "--overwrite", "1.5"), ("-", "2"), ("--overwrite", "1e3"), ("1_000",)],
)
@pytest.mark.parametrize("command", [("run",), ()])
def test_a_number_is_not_a_clip(command: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    """It was meant for an option that takes none: nothing runs, and nothing is removed."""
    with pytest.raises(UsageError, match=r"^[\d.e_]+ is not a clip: .*--max-restarts [\d.e_]+") as caught:
        invoked(*command, "--out", tmp_path / "runs", *words)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("word", ["yes", "true", "No", "on", "inf"])
def test_a_boolean_word_is_not_a_clip(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was meant for a switch, which takes no value: a finished run is still there. A file of that name is a clip."""
    (tmp_path / "runs" / "clip").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"^{word} is not a clip: .*takes no value") as caught:
        invoked("run", "clip.mp4", "--overwrite", word)
    assert caught.value.exit_code == 2
    assert (tmp_path / "runs" / "clip").exists()
    (tmp_path / word).touch()
    assert ClipName().convert(word, None, None) == word


def test_overwrite_removes_nothing_if_a_clip_does_not_exist(tmp_path: Path) -> None:
    """The missing path is named before the run of the first clip is removed."""
    clip, event_log = tmp_path / "clip.mp4", tmp_path / "runs" / "clip" / "events.jsonl"
    event_log.parent.mkdir(parents=True)
    for path in (clip, event_log):
        path.touch()
    missing, shard = tmp_path / "gone.mp4", tmp_path / "gone.tar::a.mp4"
    with pytest.raises(
        SourceError, match=r"gone\.mp4, .*gone\.tar::a\.mp4 cannot be read: .*nothing was removed"
    ) as caught:
        invoked("run", clip, missing, shard, "--overwrite", "--out", tmp_path / "runs")
    assert caught.value.exit_code == 3
    assert event_log.exists()


def test_what_removes_results_is_not_printed() -> None:
    """A file of options cannot make later runs overwrite."""
    assert not {"overwrite", "yes"} & options_of("--overwrite", "--yes")["output"].keys()


def test_the_command_line_takes_back_a_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch that a file or the environment sets is off again by its opposite."""
    monkeypatch.setenv("EGOCLEAN_OFFLINE", "1")
    file = toml_file(tmp_path, "[input]\nloop = true")
    config = ("--config", file)
    assert (origin("loop", *config), origin("offline", *config)) == (str(file), "EGOCLEAN_OFFLINE")
    taken_back = (*config, "--no-loop", "--no-offline")
    assert (origin("loop", *taken_back), origin("offline", *taken_back)) == ("--loop", "--offline")
    printed = options_of(*taken_back)
    assert (printed["input"]["loop"], printed["runtime"]["offline"]) == (False, False)

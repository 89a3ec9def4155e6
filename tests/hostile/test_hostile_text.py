"""Names and words that others wrote do no harm where they are shown: terminals, logs, records, figures, metrics."""

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from prometheus_client import generate_latest
from rich.console import Console

from exporters.figures.style import figure_file, title
from stream.cli import _say
from stream.commands.doctor import print_checks
from stream.doctor.check import Check
from stream.engines.batch import Outcome, run_in_turn
from stream.errors import ExitCode, SourceError, printable, sentence_of
from stream.monitoring.metrics import Metrics
from stream.records.schema import events
from stream.records.schema.health import Health, now, read_health
from stream.records.store.event_log import EventLog, read_events
from stream.sources.address import ClipSpec
from stream.ui.live import LiveScreen
from stream.ui.notes import Note, forward_notes, report_error
from stream.ui.progress import SECONDS, progress
from stream.ui.screen import PlainScreen
from stream.ui.text import print_line
from stream.ui.view import JsonView
from tests.support.clips import make_clip
from tests.support.inline import run_here
from tests.support.runs import run_cli

_MARK = "\N{REPLACEMENT CHARACTER}"
HOSTILE = "a\x1b]0;owned\x07b\x1b[2J\x9b31m\u202egpj.\u2066\u200b\x00\r\nc\u2028d\x85e\ud800[bold]$\\frac{$<b>\"'"
"""A window's title, a cleared screen, colour by C1, text turned round, new lines, half a surrogate; and markup."""

LOGGED = HOSTILE.replace("\ud800", "")
"""What pytest can report to another process of its own."""

_ACTING = ("\x1b]0;", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\x00", "\r", "\u2028", "\x85", "\ud800")


def harmless(text: str) -> bool:
    """Whether nothing of ``HOSTILE`` that a terminal acts on is left; its words are still there."""
    return "owned" in text and not any(each in text for each in _ACTING)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s0001  0:00:00.0 to 0:00:30.0", "s0001  0:00:00.0 to 0:00:30.0"),
        ("Schraube für 螺丝 مسمار 🔧", "Schraube für 螺丝 مسمار 🔧"),
        ("one\n  two\r\nthree\tfour", "one two three four"),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("\x1b[31mred\x1b[0m", f"{_MARK}[31mred{_MARK}[0m"),
        ("\x9b2J\x7f\x08", f"{_MARK}2J{_MARK}{_MARK}"),
        ("\u202egnp.exe\u2069\u200f", f"{_MARK}gnp.exe{_MARK}{_MARK}"),
        ("\ud800\udcff\ufeff\U000e0041", _MARK * 4),
        ("a\x85b\u2028c\x1cd", "a b c d"),
        ("", ""),
    ],
)
def test_what_is_shown_is_one_printable_line(text: str, expected: str) -> None:
    """Words in any script stay as they are; what acts on a terminal or turns text round becomes a mark."""
    assert printable(text) == expected
    assert printable(expected) == expected


def test_every_character_is_made_safe() -> None:
    """Of all of Unicode nothing is left that Python calls unprintable."""
    assert printable("".join(map(chr, range(sys.maxunicode + 1)))).isprintable()


@pytest.fixture
def _notes_are_told() -> Iterator[None]:
    """What is logged reaches standard error as it does in the program."""
    loggers = [logging.getLogger(name) for name in ("stream", "models")]
    before = [(logger.handlers, logger.level) for logger in loggers]
    forward_notes(_say)
    yield
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.level = handlers, level


def _fail() -> NoReturn:
    raise ValueError(LOGGED)


@pytest.mark.usefixtures("_notes_are_told")
def test_an_error_is_a_harmless_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Of errors of the user and of ours alike, with their traceback."""
    assert harmless(sentence_of(SourceError(HOSTILE)))
    assert report_error(SourceError(HOSTILE)) == ExitCode.INPUT
    with pytest.raises(ValueError, match="owned") as fault:
        _fail()
    assert report_error(fault.value) == ExitCode.INTERNAL
    output = capsys.readouterr().err
    assert harmless(output)
    assert "Traceback" in output


def _events() -> Iterator[events.Event]:
    """One of each kind that carries a name or words, with hostile ones."""
    hostile = HOSTILE.replace("\ud800", "")  # no event can hold it: records are UTF-8
    yield events.RunStarted(run_id=hostile, source=hostile, stem=hostile, encoder=hostile, annotator=hostile)
    yield events.SegmentOpened(segment_id=hostile, t_start_s=0.0, kind="anomalous", detected_at_s=1.0)
    yield events.SegmentClosed(hostile, 0.0, 1.0, "typical", "end_of_stream", detected_at_s=1.0, windows=0)
    yield events.SegmentFailed(segment_id=hostile, annotator=hostile, reason=hostile)
    yield events.SourceDamaged(t_start_s=0.0, t_end_s=1.0, reason=hostile, packets=1)
    yield events.StageRestarted(process="encode", reason=hostile)
    yield events.RunFailed(reason=hostile, exit_code=70, decoded_s=0.0)


@pytest.mark.parametrize("kind", [PlainScreen, LiveScreen])
def test_views_show_no_escape(kind: type[PlainScreen | LiveScreen]) -> None:
    """A terminal sees no sequence but those of the view itself, from events and notes of any content."""
    screen = io.StringIO()
    with kind(Console(file=screen, force_terminal=True, width=400)) as shown:
        view = shown.view(HOSTILE)
        for event in _events():
            view.event(event)
        view.note(Note(HOSTILE))
        view.close()
    own = r"\r|\x1b\[(?:[KCJ]|\d+A|\?7[lh])"
    assert harmless(re.sub(own, "", screen.getvalue()))


def test_json_for_programs_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """One line an event, also for readers that break lines at U+0085 or U+2028; what is read is what was written."""
    view = JsonView()
    run_events = list(_events())
    for event in run_events:
        view.event(event)
    view.note(Note(HOSTILE))
    output = capsys.readouterr()
    assert output.out.isascii()
    assert [json.loads(line)["event"] for line in output.out.splitlines()] == [event.event for event in run_events]
    assert harmless(output.err)


def test_records_are_ascii_lines(tmp_path: Path) -> None:
    """``events.jsonl`` and ``health.json`` hold every name as it is, in one line of ASCII each."""
    run_events = list(_events())
    with EventLog(tmp_path / "events.jsonl") as log:
        records = [log.append(event) for event in run_events]
    content = (tmp_path / "events.jsonl").read_text(encoding="utf-8")
    assert content.isascii()
    assert len(content.splitlines()) == len(run_events)
    assert list(read_events(tmp_path / "events.jsonl")) == records
    health = Health(time=now().isoformat(), state="failed", reason="\x9b\u2028", decoded_s=0, windows=0)
    health.write(tmp_path / "health.json")
    assert (tmp_path / "health.json").read_bytes().isascii()
    assert read_health(tmp_path / "health.json") == health


@pytest.mark.usefixtures("_notes_are_told")
def test_meters_notes_and_lists_show_no_escape(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of clips in bars, in lines of progress, in the summary of a series, and in the doctor's report."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=400)
    print_line(console, HOSTILE)
    with progress(console, HOSTILE, SECONDS, 100.0) as job:
        job.update(50.0)
    with progress(Console(file=screen, width=400), HOSTILE, SECONDS, 100.0) as job:
        job.update(50.0)
    run_in_turn(
        [ClipSpec(HOSTILE)],
        lambda clip: Outcome(clip, 3, clip),
        lambda line: print_line(console, line),
        fail_fast=False,
    )
    assert harmless(screen.getvalue().replace("\r", "").replace("\x1b[2K", ""))
    for shown in (Console(width=80), Console(force_terminal=True, width=80)):
        print_checks([Check("clip", "FAIL", HOSTILE, HOSTILE)], shown)
    logging.getLogger("stream.sources.tar").info("finding the clips in %s", LOGGED)
    output = capsys.readouterr()
    assert harmless(output.out)
    assert harmless(output.err)


def test_metrics_contain_no_text_of_models() -> None:
    """Labels are the program's own names: no name of a segment and no reason is scraped."""
    metrics = Metrics(price_per_hour=0.2)
    for event in _events():
        metrics.on_event(event)
    text = generate_latest(metrics.registry).decode()
    assert "egoclean_segments_closed_total" in text
    assert "owned" not in text


@pytest.mark.parametrize("name", [HOSTILE, "$x_{", "$$", "\\text{", "two\nlines", "螺丝"])
def test_a_figure_takes_any_title(tmp_path: Path, name: str) -> None:
    """No name of a clip is mathematics, markup or a second line."""
    with figure_file(tmp_path / "figure.png", 3.0, 2.0) as figure:
        title(figure, name)
        assert figure.get_suptitle() == printable(name)
    assert (tmp_path / "figure.png").stat().st_size > 0


def test_a_run_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """The real program: the name is in the record as it is, and on the terminal as a harmless line."""
    folder = tmp_path / "a\x1b]0;owned\x07\u202e\n$[bold]"
    folder.mkdir()
    clip = make_clip(folder / "clip.mp4", frames=5)
    result = run_cli(clip, "--no-rectify", "--encoder", "grid", "--out", tmp_path / "runs")
    assert result.returncode == ExitCode.DONE
    assert harmless(result.stdout)
    first = (tmp_path / "runs" / "clip" / "events.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first)["source"] == str(clip)


def test_command_line_words_are_printed_safely() -> None:
    """A pattern of the shell may put the name of a file where an option is expected."""
    result = run_here("run", f"--{HOSTILE.split(chr(0), maxsplit=1)[0]}")
    assert result.returncode == ExitCode.USAGE
    assert harmless(result.stderr)

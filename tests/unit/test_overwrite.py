"""``--overwrite`` says what it removes, and does not remove paid annotations by mistake."""

import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from stream.config import Options
from stream.errors import UsageError
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import EventLog
from stream.run.overwrite import EarlierRun, announce_removal, next_command, with_consent
from tests.support.annotated import clip, options, play
from tests.support.fake_annotators import FakeAnnotator

SEGMENTS = 3
OVERWRITE = options({"output.overwrite": True, "machine.price_per_hour": 36.0})


def run(folder: Path, *, annotator: str = "openai") -> RunLayout:
    """A finished run with descriptions, or without."""
    layout = RunLayout(folder / "clip", "clip")
    layout.root.mkdir()
    with EventLog(layout.events) as log:
        log.append(events.RunStarted(run_id="r", source="clip.mp4", stem="clip", encoder="grid", annotator=annotator))
    chosen = options({"annotator.name": annotator, "annotator.price_in": 1e6, "annotator.price_out": 0.0})
    play(layout, chosen, FakeAnnotator(), clip(SEGMENTS))
    return layout


def agreed() -> Options:
    """The options with the user's consent."""
    return OVERWRITE.replace({"output.yes": True})


def test_a_described_run_is_not_removed_without_consent(tmp_path: Path) -> None:
    """The refusal names the directory, its state, its segments, and how many were described at what price."""
    layout = run(tmp_path)
    with pytest.raises(UsageError) as caught:
        announce_removal(OVERWRITE, layout)
    message = str(caught.value)
    assert message.startswith(f"--overwrite would remove {layout.root}, a finished run with 3 segments, 3 of them ")
    assert "described for $" in message
    assert message.endswith("add --yes to agree, or choose another --out")


def test_with_consent_it_is_announced(tmp_path: Path) -> None:
    """What is removed is named before it is gone."""
    layout = run(tmp_path)
    message = announce_removal(agreed(), layout)
    assert message is not None
    assert message.startswith(f"--overwrite removes {layout.root}, a finished run with 3 segments, 3 of them described")


def test_what_cost_nothing_needs_no_consent(tmp_path: Path) -> None:
    """A run without annotations, finished, interrupted or damaged, and an empty place."""
    layout = run(tmp_path, annotator="none")
    assert announce_removal(OVERWRITE, layout) == (
        f"--overwrite removes {layout.root}, a finished run with 3 segments, 0 of them described"
    )
    lines = layout.events.read_bytes().splitlines(keepends=True)
    layout.events.write_bytes(b"".join(lines[:-1]))
    assert "an interrupted run with 3 segments" in str(announce_removal(OVERWRITE, layout))
    layout.events.write_bytes(b"".join([lines[0], b"what\n", *lines[1:]]))
    assert str(announce_removal(OVERWRITE, layout)).endswith(
        "a damaged run with at least 3 segments, at least 0 of them described (1 line of events.jsonl cannot be read)"
    )
    assert announce_removal(OVERWRITE, RunLayout(tmp_path / "other", "other")) is None


def interrupt(layout: RunLayout) -> None:
    """Remove the end of the run."""
    lines = layout.events.read_bytes().splitlines(keepends=True)
    layout.events.write_bytes(b"".join(lines[:-1]))


def damage(layout: RunLayout) -> None:
    """Make two lines unreadable, one of them a segment's annotation."""
    lines = layout.events.read_bytes().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if b"segment.annotated" in line)
    lines[place] = lines[0] = b"what\n"
    layout.events.write_bytes(b"".join(lines))


def garble(layout: RunLayout) -> None:
    """Make every line unreadable."""
    layout.events.write_bytes(b"what\n" * 20)


@pytest.mark.parametrize(
    ("spoil", "described"),
    [
        (interrupt, "an interrupted run with 3 segments, 3 of them described for $"),
        (damage, "a damaged run with at least 3 segments, at least 2 of them described for at least $"),
        (garble, "with segments and annotations that cannot be counted (20 lines of events.jsonl cannot be read): "),
        (
            lambda layout: layout.events.unlink(),
            "with segments and annotations that cannot be counted (events.jsonl is missing): ",
        ),
    ],
)
def test_annotations_are_not_removed_without_consent_in_any_state(
    tmp_path: Path, spoil: Callable[[RunLayout], None], described: str
) -> None:
    """What can be counted is counted, the rest is called uncountable; a run that cannot be resumed is no exception."""
    layout = run(tmp_path)
    spoil(layout)
    with pytest.raises(UsageError, match=re.escape(described)) as caught:
        announce_removal(OVERWRITE, layout)
    assert str(caught.value).endswith("add --yes to agree, or choose another --out")
    assert described in str(announce_removal(agreed(), layout)) + ": "
    with pytest.raises(UsageError, match="cannot be resumed: choose another --out, or discard it with --overwrite"):
        announce_removal(options(), layout)


def test_a_command_without_the_option_does_not_advise_it(tmp_path: Path) -> None:
    """The demo always starts over: it names no --overwrite, neither in a refusal nor after a stop."""
    demo = options({"resolved.always_starts_over": True})
    with pytest.raises(UsageError, match=r"^this command would remove .*: choose another --out$"):
        announce_removal(demo, run(tmp_path))
    assert next_command(demo, "resume") == "run the same command again to start over"


def test_an_unknown_price_is_a_lower_bound() -> None:
    """A remote model without a configured price, beside one with it."""
    earlier = EarlierRun(Path("runs/clip"), "finished", 3, 2, 0.5, is_price_whole=False)
    assert str(earlier) == "runs/clip, a finished run with 3 segments, 2 of them described for at least $0.50"


@pytest.mark.parametrize("answer", [True, False])
def test_a_terminal_asks_for_consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
    """Only there, and only where consent is needed; elsewhere the options stay as they are."""
    layout, questions = run(tmp_path), []

    def confirm(text: str, **_: object) -> bool:
        questions.append(text)
        return answer

    monkeypatch.setattr(click, "confirm", confirm)
    assert with_consent(OVERWRITE, layout) == OVERWRITE, "nobody can answer in a pipe"
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert with_consent(OVERWRITE, layout).output.yes == answer
    assert len(questions) == 1
    assert "3 of them described" in questions[0]
    assert with_consent(agreed(), layout) == agreed()
    assert with_consent(options(), layout) == options()
    assert len(questions) == 1


def test_a_stopped_run_is_resumed_without_overwrite() -> None:
    """The same command would start over, if it had the option."""
    assert next_command(OVERWRITE, "resume") == "run the same command again, without --overwrite, to resume"
    assert next_command(options(), "complete it") == "run the same command again to complete it"

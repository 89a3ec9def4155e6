"""Finished runs without descriptions, and ``annotate`` on them with a server of the tests."""

import io
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from stream.records.schema import events
from stream.records.schema.annotations import read_annotations, write_annotations
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, SourceRecord
from stream.records.schema.options import nest
from stream.records.store.event_log import EventLog
from stream.run.annotate import annotate_run
from stream.ui.view import PlainView
from tests.support.annotated import clip, options, play
from tests.support.echo_server import MODEL
from tests.support.fake_annotators import FakeAnnotator
from tests.support.openai_server import OpenAIServer

SEGMENTS = 6

ALL = [f"s{number:04}" for number in range(SEGMENTS)]


def plain_view() -> tuple[PlainView, io.StringIO]:
    """What the program shows in a pipe, and where it can be read."""
    paper = io.StringIO()
    return PlainView(Console(file=paper)), paper


def annotate(layout: RunLayout, options: dict[str, object]) -> int:
    """The command, without a look at what it shows."""
    return annotate_run(layout, options, plain_view()[0])


def run_without(folder: Path, changes: Mapping[str, object] | None = None) -> RunLayout:
    """A finished run that had no annotator."""
    return finished_run(folder, FakeAnnotator(), {**(changes or {}), "annotator.name": "none"})


def finished_run(folder: Path, fake: FakeAnnotator, changes: Mapping[str, object] | None = None) -> RunLayout:
    """A run directory as the program leaves it."""
    layout = RunLayout(folder / "clip", "clip")
    layout.root.mkdir()
    chosen = options(changes)
    Manifest(
        run_id="r", state="finished", started="", source=SourceRecord(name="clip.mp4", size_bytes=1), intrinsics=None,
        options=chosen.recorded(), exit_code=0,
    ).write(layout.manifest)  # fmt: skip
    write_annotations(layout.annotations, [])
    with EventLog(layout.events) as log:
        log.append(events.RunStarted(run_id="r", source="clip.mp4", stem="clip", encoder="grid", annotator="none"))
    play(layout, chosen, fake, clip(SEGMENTS))
    return layout


def asks(server: OpenAIServer, more: Mapping[str, object] | None = None) -> dict[str, object]:
    """Options that name the server."""
    named = {"annotator.name": "openai", "annotator.url": server.url, "annotator.model": MODEL}
    return nest({**named, **(more or {})})


def described(layout: RunLayout) -> list[str]:
    """Segments with words, in order of time."""
    return [action.segment_id for action in read_annotations(layout.annotations) if action.active]

"""Finished runs without descriptions, and ``annotate`` on them with a server of the tests."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console

from models.annotators.annotator import Annotator
from stream.config import Options
from stream.pipeline.items import Item
from stream.records.schema import events
from stream.records.schema.annotations import read_annotations, write_annotations
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, SourceRecord
from stream.records.schema.options import nest
from stream.records.store.event_log import EventLog
from stream.run.annotate import annotate_run
from stream.run.chosen_annotation import Wish
from stream.run.loaded_annotator import LoadedAnnotator
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


def finished_run(
    folder: Path, fake: FakeAnnotator, changes: Mapping[str, object] | None = None, items: Iterable[Item] | None = None
) -> RunLayout:
    """A run directory as the program leaves it, of six segments unless other items are given."""
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
    play(layout, chosen, fake, clip(SEGMENTS) if items is None else items)
    return layout


def asks(server: OpenAIServer, more: Mapping[str, object] | None = None) -> dict[str, object]:
    """Options that name the server."""
    named = {"annotator.name": "openai", "annotator.url": server.url, "annotator.model": MODEL}
    return nest({**named, **(more or {})})


def described(layout: RunLayout) -> list[str]:
    """Segments with words, in order of time."""
    return [action.segment_id for action in read_annotations(layout.annotations) if action.active]


class FakeLoaded(LoadedAnnotator):
    """Gives every run the same annotator, which needs no model."""

    def __init__(self, fake: FakeAnnotator) -> None:
        super().__init__()
        self.fake = fake

    def get(self, options: Options) -> Annotator:  # noqa: ARG002 - whatever they name
        return self.fake


def named(model: str, more: Mapping[str, object] | None = None) -> dict[str, object]:
    """Options that name a model, whose server is never asked."""
    asked = {"annotator.name": "openai", "annotator.url": "http://localhost:1/v1", "annotator.model": model}
    return nest({**asked, **(more or {})})


def again(
    layout: RunLayout, options: dict[str, object], fake: FakeAnnotator | None = None, name: str | None = None
) -> FakeAnnotator:
    """``annotate --again`` with a fake annotator, which is returned."""
    fake = fake or FakeAnnotator()
    assert annotate_run(layout, options, plain_view()[0], FakeLoaded(fake), wish=Wish(again=True, name=name)) == 0
    return fake

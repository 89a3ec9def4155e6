"""A live source is recorded to its end without its annotator; a clip's run ends, to be resumed."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from stream.errors import ModelUnavailableError
from stream.pipeline.items import AnnotationTask, AnnotatorUnavailable
from stream.records.schema.layout import RunLayout
from stream.video.facts import StreamFacts
from tests.support.annotated import options, recording, segment


def test_live_run_continues_without_its_server(tmp_path: Path) -> None:
    """A source that cannot be played again is recorded to its end without its annotator."""
    live = StreamFacts("h264", 64, 36, 0, 64, 36, 30.0, "1/90000", "yuv420p", 8, None, None, None)
    for stream, ends in ((None, True), (live, False)):
        layout = RunLayout(tmp_path / str(ends), "clip")
        layout.root.mkdir()
        with recording(layout, options({"resolved.stream": stream})) as record:
            for item in segment(0):
                list(record.on_item(item))
            (order,) = record.on_notify(0.0)
            assert isinstance(order, AnnotationTask)
            with pytest.raises(ModelUnavailableError, match="away") if ends else nullcontext():
                list(record.on_item(AnnotatorUnavailable("it is away")))

"""``annotate --again``, given again: which annotation it continues, and what it says of one without words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.annotators.annotator import AnnotationResponse
from models.errors import ModelUnavailableError
from stream.records import open_run
from stream.records.run_annotations import annotations_in
from stream.records.schema.layout import RunLayout
from stream.run.annotate import annotate_run
from stream.run.chosen_annotation import Wish
from tests.support.annotate_later import ALL, FakeLoaded, again, finished_run, named, plain_view
from tests.support.annotated import events_of as recorded
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to

KEPT = {"annotator.url": "http://localhost:1/v1", "annotator.model": "first-7b", "keyframes.keep": True}


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """A finished run that ``first-7b`` has described, with its keyframes."""
    return finished_run(tmp_path, FakeAnnotator(), KEPT)


def test_the_same_words_mean_the_same_annotation_at_any_time(layout: RunLayout) -> None:
    """An interrupted one is continued although another, with another task, has become the default meanwhile."""

    def fails(batch: Batch) -> Iterator[AnnotationResponse]:
        yield from map(answer_to, batch[:1])
        raise ModelUnavailableError("the server is away")

    with pytest.raises(ModelUnavailableError, match="away"):
        again(layout, named("second-3b"), FakeAnnotator(fails))
    again(layout, named("second-3b", {"annotator.task": "packing boxes"}))
    rest = again(layout, named("second-3b"))
    assert [request.segment_id for batch in rest.requests for request in batch] == ALL[1:]
    assert sorted(open_run(layout.root, "second-3b").outcomes()) == ALL
    assert [each.name for each in annotations_in(recorded(layout))] == ["first-7b", "second-3b", "second-3b-2"]
    by_name = again(layout, {}, name="second-3b-2")
    assert by_name.requests == []


def test_an_annotation_without_words_says_that_it_is_not_the_default(layout: RunLayout) -> None:
    """The end that is shown is that of the default one, which is named."""

    def refuses(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            yield answer_to(request, "no JSON")

    view, paper = plain_view()
    fake = FakeLoaded(FakeAnnotator(refuses))
    assert annotate_run(layout, named("second-3b"), view, fake, wish=Wish(again=True)) == 4
    assert "annotation second-3b describes no segment, and first-7b stays the default" in paper.getvalue()

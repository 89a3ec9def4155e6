"""A segment that was cut from the one before it is shown that one's last keyframes, too."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from models.annotators.annotator import AnnotationResponse
from stream.pipeline.facts import ClosedBy, SegmentClosed
from stream.pipeline.items import Item, Keyframe, WorkerReady
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.run.annotate import annotate_run
from stream.stages.annotate import Annotate
from stream.stages.record import Record
from tests.support.annotate_later import FakeLoaded, again, finished_run, named, plain_view
from tests.support.annotated import exchange, jpeg, of_kind, options, recording
from tests.support.cut_segments import CUT_SEGMENTS, PRECEDING_S, cut_clip, preceding_of, requests_of
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to

NAMES = [f"s{number:04}" for number in range(CUT_SEGMENTS)]
SHOWN = {NAMES[0]: (), **dict.fromkeys(NAMES[1:], PRECEDING_S)}


def keyframes_left(layout: RunLayout) -> list[float]:
    """Times of the keyframes in the cache, seconds."""
    return sorted(int(path.stem) / 1000 for path in layout.keyframes.iterdir())


def test_the_last_keyframes_before_the_cut_are_shown(tmp_path: Path) -> None:
    """Their times are below 0, the outcome counts them, and none is left in the cache."""
    fake = FakeAnnotator()
    layout = finished_run(tmp_path, fake, items=cut_clip())
    assert preceding_of(fake) == SHOWN
    assert [frame.jpeg for frame in requests_of(fake)["s0001"].preceding] == [jpeg(second) for second in (2, 3, 4)]
    assert [frame.t_s for frame in requests_of(fake)["s0001"].frames] == [0.0, 1.0, 2.0, 3.0, 4.0]
    described = {event.segment_id: event.preceding_frames for event in of_kind(layout, events.SegmentAnnotated)}
    assert described == {name: len(times_s) for name, times_s in SHOWN.items()}
    assert keyframes_left(layout) == []


@pytest.mark.parametrize("reason", ["state_change", "source_lost"])
def test_none_over_another_end(tmp_path: Path, reason: ClosedBy) -> None:
    """What came before such an end is other work, or nobody knows how long before."""
    fake = FakeAnnotator()
    finished_run(tmp_path, fake, items=cut_clip((reason, "max_duration", reason)))
    assert preceding_of(fake) == {**dict.fromkeys(NAMES, ()), "s0002": PRECEDING_S}


@pytest.mark.parametrize("damaged", [0, 1])
def test_none_beside_damage(tmp_path: Path, damaged: int) -> None:
    """In the segment before, or in the segment itself; and nothing of it stays in the cache."""
    fake = FakeAnnotator()
    layout = finished_run(tmp_path, fake, items=cut_clip(damaged=damaged))
    expected = {**SHOWN, "s0001": (), **({"s0002": ()} if damaged == 1 else {})}
    assert preceding_of(fake) == expected
    assert keyframes_left(layout) == []


def test_none_of_another_size(tmp_path: Path) -> None:
    """All pictures of a request have one size."""
    fake = FakeAnnotator()
    finished_run(tmp_path, fake, items=cut_clip(widths={1: 32}))
    assert preceding_of(fake) == {**SHOWN, "s0001": (), "s0002": ()}


def test_the_requests_are_the_same_live_later_and_again(tmp_path: Path) -> None:
    """And whether segments are described one by one, or all after the last one has closed."""
    live, later, twice = FakeAnnotator(), FakeAnnotator(batch_max=1), FakeAnnotator(batch_max=3)
    for folder in ("live", "later"):
        (tmp_path / folder).mkdir()
    finished_run(tmp_path / "live", live, items=cut_clip())
    layout = finished_run(tmp_path / "later", FakeAnnotator(), {"annotator.name": "none"}, cut_clip())
    kept = {"keyframes.keep": True}
    assert annotate_run(layout, named("model", kept), plain_view()[0], FakeLoaded(later)) == 0
    again(layout, named("other"), twice)
    assert requests_of(live) == requests_of(later) == requests_of(twice)
    assert preceding_of(live) == SHOWN
    assert keyframes_left(layout) == []


def test_the_requests_are_the_same_after_a_resume_at_any_item(tmp_path: Path) -> None:
    """The chain goes on where it was saved; keyframes from before come from the cache alone, and none is left."""
    undisturbed = FakeAnnotator()
    finished_run(tmp_path, undisturbed, items=cut_clip())
    items = list(cut_clip())
    for place in range(0, len(items), 2):
        layout = RunLayout(tmp_path / f"at {place}", "clip")
        layout.root.mkdir()
        first, second = FakeAnnotator(), FakeAnnotator()
        with recording(layout, options()) as record:
            annotate = Annotate(first, layout.keyframes, options())
            for item in items[:place]:
                list(record.on_item(item))
                exchange(record, annotate)
            state = record.snapshot()
        with closing(Record(layout, options())) as record:
            record.restore(state)
            list(record.on_item(WorkerReady("annotate")))
            annotate = Annotate(second, layout.keyframes, options())
            for item in items[place:]:
                list(record.on_item(item))
                exchange(record, annotate)
        assert requests_of(first, second) == requests_of(undisturbed), place
        assert keyframes_left(layout) == [], place


def test_a_segment_that_failed_is_shown_them_once_more(tmp_path: Path) -> None:
    """Those of a segment without a description stay in the cache with its own keyframes."""

    def fails(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            yield answer_to(request, "nonsense") if request.segment_id == "s0002" else answer_to(request)

    before, after = FakeAnnotator(fails), FakeAnnotator()
    layout = finished_run(tmp_path, before, items=cut_clip())
    assert keyframes_left(layout) == [float(second) for second in range(7, 15)]
    assert annotate_run(layout, named("model"), plain_view()[0], FakeLoaded(after)) == 0
    assert requests_of(after) == {"s0002": requests_of(before)["s0002"]}
    assert keyframes_left(layout) == []


def test_only_what_is_shown_stays_for_the_next_segment(tmp_path: Path) -> None:
    """Of many keyframes a second, three: however small the cache, there is room for those of the next segment."""
    items: list[Item] = []
    for item in cut_clip(("max_duration",)):
        if isinstance(item, Keyframe):
            items += [replace(item, t_s=item.t_s + tenth / 10) for tenth in range(9)]
        else:
            items.append(item)
    fake, left_s = FakeAnnotator(), dict[int, list[float]]()
    layout = RunLayout(tmp_path, "clip")
    with recording(layout, options()) as record:
        annotate = Annotate(fake, layout.keyframes, options())
        for place, item in enumerate(items):
            list(record.on_item(item))
            exchange(record, annotate)
            if isinstance(item, SegmentClosed):
                left_s[place] = keyframes_left(layout)
    assert list(left_s.values()) == [[2.0, 3.4, 4.8], []]
    assert [frame.t_s for frame in requests_of(fake)["s0001"].preceding] == [-3.0, -1.6, -0.2]


def test_those_that_are_gone_are_not_shown(tmp_path: Path) -> None:
    """They cannot be made again here, and the segment is described all the same."""
    layout = finished_run(tmp_path, FakeAnnotator(), {"annotator.name": "none"}, cut_clip())
    (layout.keyframes / "0000004000.jpg").unlink()
    fake = FakeAnnotator()
    assert annotate_run(layout, named("model"), plain_view()[0], FakeLoaded(fake)) == 4
    assert preceding_of(fake) == {"s0001": (-3.0, -2.0), "s0002": PRECEDING_S, "s0003": PRECEDING_S}

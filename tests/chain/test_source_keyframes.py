"""Keyframes that have left the cache are made again from the clip, and the segments are described from them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.annotators.annotator import AnnotationResponse
from stream.config import validate
from stream.errors import InputError
from stream.records import SegmentAnnotated, SegmentFailed, open_run
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import read_manifest
from stream.records.store.keyframes import KeyframeCache
from stream.run.annotate import annotate_run
from stream.run.chosen_annotation import Wish
from stream.run.source_keyframes import SourceKeyframes
from stream.sources.run_clip import ClipFinder
from tests.support.annotate_later import FakeLoaded, again, named, plain_view
from tests.support.cut_segments import requests_of
from tests.support.described import make_described_clip
from tests.support.fake_annotators import Batch, FakeAnnotator, answer_to
from tests.support.inline import run_inline

pytestmark = pytest.mark.slow


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """A finished run of 21 s that nobody has described, in segments of 5 s, with its keyframes."""
    clip = make_described_clip(tmp_path)
    done = run_inline(
        clip, "--encoder", "grid", "--detector-max-segment-s", "5", "--keyframe-px", "64", "--out", tmp_path
    )
    assert done.returncode == 0, done.stderr
    return open_run(tmp_path / "clip").layout


def keyframes(layout: RunLayout) -> dict[str, bytes]:
    """The cached keyframes by name."""
    return {path.name: path.read_bytes() for path in sorted(layout.keyframes.iterdir())}


def shown(fake: FakeAnnotator) -> list[bytes]:
    """All pictures that an annotator was shown, in order."""
    return [frame.jpeg for batch in fake.requests for request in batch for frame in request.frames]


def test_they_are_the_same_bytes(layout: RunLayout) -> None:
    """All of them, those in the middle, and the first: the annotator sees the pictures that the run had made."""
    whole = keyframes(layout)
    assert len(whole) == 21
    for number, lost in enumerate((list(whole), list(whole)[7:12], list(whole)[:1])):
        for name in lost:
            (layout.keyframes / name).unlink()
        fake = again(layout, named(f"model-{number}", {"annotator.frames": 64}) | {"keyframes": {"keep": True}})
        assert shown(fake) == list(whole.values())
        assert keyframes(layout) == whole


def test_those_from_before_a_cut_are_made_again_too(layout: RunLayout) -> None:
    """All segments at once, or one alone whose neighbour has been described: each is shown what it was shown before."""

    def fails(batch: Batch) -> Iterator[AnnotationResponse]:
        for request in batch:
            yield answer_to(request, "nonsense") if request.segment_id == "s0002" else answer_to(request)

    whole = again(layout, named("whole") | {"keyframes": {"keep": True}})
    assert [len(each.preceding) for each in requests_of(whole).values()] == [0, 3, 3, 3, 3]
    for name in keyframes(layout):
        (layout.keyframes / name).unlink()
    later, alone = FakeAnnotator(fails), FakeAnnotator()
    assert annotate_run(layout, named("later"), plain_view()[0], FakeLoaded(later), wish=Wish(again=True)) == 4
    assert requests_of(later) == requests_of(whole)
    for name in keyframes(layout):
        (layout.keyframes / name).unlink()
    assert annotate_run(layout, {}, plain_view()[0], FakeLoaded(alone), wish=Wish(name="later")) == 0
    assert requests_of(alone) == {"s0002": requests_of(whole)["s0002"]}
    assert keyframes(layout) == {}


def test_those_of_one_batch_are_on_the_disk_at_a_time(layout: RunLayout) -> None:
    """A cache that holds far fewer than all of them is enough, and afterwards none is left."""
    whole = keyframes(layout)
    for name in whole:
        (layout.keyframes / name).unlink()
    most = 0

    class Counting(FakeAnnotator):
        def annotate(self, requests):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as its base
            nonlocal most
            most = max(most, len(keyframes(layout)))
            return super().annotate(requests)

    fake = again(layout, named("model"), Counting(batch_max=1))
    assert shown(fake) == list(whole.values())
    assert most <= 9
    assert keyframes(layout) == {}


def test_a_clip_that_has_moved_is_found(layout: RunLayout, tmp_path: Path) -> None:
    """Without its clip, a run whose keyframes are gone is left as it is; ``--clips`` names the folder."""
    for name in keyframes(layout):
        (layout.keyframes / name).unlink()
    archive = tmp_path / "archive"
    archive.mkdir()
    (tmp_path / "clip.mp4").rename(archive / "clip.mp4")
    fake = FakeLoaded(FakeAnnotator())
    with pytest.raises(
        InputError, match=r"keyframes of the segments are gone, and .*clip\.mp4 no longer exists: .*--clips"
    ):
        annotate_run(layout, named("model"), plain_view()[0], fake, wish=Wish(again=True))
    code = annotate_run(layout, named("model"), plain_view()[0], fake, wish=Wish(again=True), clips=archive)
    assert (code, len(open_run(layout.root).outcomes())) == (0, 5)


def test_without_the_clip_only_those_fail_whose_keyframes_are_gone(
    layout: RunLayout, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The segment's reason counts its keyframes; that the clip is gone is said once."""
    for name in list(keyframes(layout))[:6]:
        (layout.keyframes / name).unlink()
    (tmp_path / "clip.mp4").unlink()
    code = annotate_run(layout, named("model"), plain_view()[0], FakeLoaded(FakeAnnotator()), wish=Wish(again=True))
    assert code == 4
    outcomes = open_run(layout.root).outcomes()
    kinds = [type(outcomes[name]) for name in sorted(outcomes)]
    assert kinds == [SegmentFailed, SegmentFailed, SegmentAnnotated, SegmentAnnotated, SegmentAnnotated]
    assert caplog.text.count("keyframes are gone, and cannot be made again: ") == 1


def test_segments_may_come_in_any_order(layout: RunLayout) -> None:
    """For an earlier segment the clip is read from its start again."""
    whole, segments = keyframes(layout), open_run(layout.root).segments()
    for name in whole:
        (layout.keyframes / name).unlink()
    manifest = read_manifest(layout.manifest)
    cache = KeyframeCache(layout.keyframes, 2**30)
    source = SourceKeyframes(manifest, validate(manifest.options), cache, ClipFinder())
    for segment in reversed(segments):
        source.provide(segment)
    assert keyframes(layout) == whole

"""A machine too slow for its camera: skipped windows are reported, latency stays bounded, the accounting closes."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.encoders.cpu_store import CpuFrameStore
from models.encoders.encoder import ClipEmbedding, EncoderFacts, UInt8
from stream.config import Options
from stream.detection.options import DetectorOptions
from stream.pipeline.facts import SegmentClosed, SegmentOpened, SourceGap, SourceLost, StreamOverload
from stream.pipeline.items import Embedding, EncoderFrame, End, Item, Keyframe
from stream.pipeline.stage import Pipeline, State, drive
from stream.records.replay import latest_s
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import read_events
from stream.stages.detect import Detect
from stream.stages.embed import Embed
from stream.stages.record import Record
from tests.support.fake_time import FakeClock

FPS = 30
SPAN_S = 63 / FPS


class SlowEncoder:
    """Takes ``each_s`` seconds of the test's clock for a window."""

    name = "slow"
    frames = 64
    encoder_px = 8

    def __init__(self, clock: FakeClock, each_s: float) -> None:
        self._clock = clock
        self._each_s = each_s
        self.began_at: list[float] = []

    def facts(self) -> EncoderFacts:
        return {}

    def encode(self, window: UInt8) -> ClipEmbedding:
        self.began_at.append(self._clock())
        self._clock.wait(self._each_s)
        mean = np.full(8, 1.0 + window.mean(), np.float32)
        return ClipEmbedding(mean, np.tile(mean.astype(np.float16), (2, 1)))

    def frame_store(self) -> CpuFrameStore:
        return CpuFrameStore(lambda windows: [self.encode(frames) for frames in windows], self.frames, self.encoder_px)


def _encoder_frames(clock: FakeClock, duration_s: float) -> Iterator[EncoderFrame]:
    """Frames as the camera sends them: one waits until it is taken, none is taken before it is there."""
    began_at = clock()
    for index in range(round(duration_s * FPS)):
        arrived_at = began_at + index / FPS
        clock.now_s = max(clock.now_s, arrived_at)
        yield EncoderFrame(index, index / FPS, 1 / FPS, np.zeros((8, 8, 3), np.uint8), arrived_at)


def _run(each_s: float, max_lag_s: float = 5.0, duration_s: float = 120.0) -> tuple[list[Item], SlowEncoder]:
    clock = FakeClock()
    encoder = SlowEncoder(clock, each_s)
    stage = Embed(encoder, 1.0, max_lag_s=max_lag_s, clock=clock)
    return list(drive(stage, _encoder_frames(clock, duration_s))), encoder


def test_a_fast_encoder_skips_nothing() -> None:
    """All windows are embedded."""
    out, _ = _run(each_s=0.9)
    assert [item.t_sample_s for item in out if isinstance(item, Embedding)] == [float(k) for k in range(118)]
    assert not [item for item in out if isinstance(item, StreamOverload)]


@pytest.mark.parametrize("each_s", [1.5, 3.0, 20.0])
def test_a_slow_encoder_is_never_further_behind_than_allowed(each_s: float) -> None:
    """A window begins to be encoded at most ``max_lag_s`` after its last frame came; every other one is reported."""
    out, encoder = _run(each_s)
    embedded = [item.t_sample_s for item in out if isinstance(item, Embedding)]
    skipped = [item.t_start_s for item in out if isinstance(item, StreamOverload)]
    assert sorted(embedded + skipped) == [float(k) for k in range(118)]
    assert len(embedded) == pytest.approx(120 / each_s, rel=0.2, abs=2)
    lags_s = [at - (100.0 + t_s + SPAN_S) for at, t_s in zip(encoder.began_at, embedded, strict=True)]
    assert max(lags_s) <= 5.0 + 1e-6
    assert [item.index for item in out if isinstance(item, Embedding)] == list(range(len(embedded)))


def test_a_clip_is_never_skipped() -> None:
    """Frames without a time of arrival wait, however slow the encoder is."""
    clock = FakeClock()
    items = [EncoderFrame(n, n / FPS, 1 / FPS, np.zeros((8, 8, 3), np.uint8)) for n in range(300)]
    out = list(drive(Embed(SlowEncoder(clock, 100.0), 1.0, max_lag_s=5.0, clock=clock), items))
    assert [type(item) for item in out] == [Embedding] * 8


def test_no_window_spans_a_gap() -> None:
    """Frames from before it are forgotten, and the next window begins after it; none is reported as skipped."""
    clock = FakeClock()
    before = list(_encoder_frames(clock, 4.0))
    after = [EncoderFrame(120 + n, 50_000.3 + n / FPS, 1 / FPS, before[0].rgb, clock()) for n in range(120)]
    items: list[Item] = [*before, SourceLost(4.0, "cut"), SourceGap(4.0, 50_000.3, "cut"), *after]
    out = list(drive(Embed(SlowEncoder(clock, 0.0), 1.0, max_lag_s=5.0, clock=clock), items))
    starts = [round(item.t_sample_s, 2) for item in out if isinstance(item, Embedding)]
    assert starts == [0.0, 1.0, 50_000.3, 50_001.0, 50_002.0]
    assert not [item for item in out if isinstance(item, StreamOverload)]


def _story() -> list[Item]:
    """40 s of work, a gap of 100 s, 5 s of work, a second gap without any picture between two losses, 30 s of work."""
    stretches = [(0.0, 40.0), (140.0, 145.0), (200.0, 230.0)]
    items: list[Item] = []
    for number, (start_s, end_s) in enumerate(stretches):
        if number:
            items.append(SourceGap(stretches[number - 1][1], start_s, "cut"))
        seconds = np.arange(np.ceil(start_s), end_s)
        items += [Keyframe(float(t_s), 4, 4, b"jpeg") for t_s in seconds]
        for t_s in seconds[:-2]:
            mean = np.array([1.0, t_s % 3 / 10, 0, 0], np.float32)
            items.append(
                Embedding(_rows(items), float(t_s), float(t_s) + 64 / FPS, mean, np.tile(np.float16(mean), (2, 1)))
            )
        items.append(SourceLost(end_s, "cut"))
    return [*items[:-1], End("end_of_stream", 230.0, 2250)]


def _rows(items: list[Item]) -> int:
    return sum(isinstance(item, Embedding) for item in items)


def test_segments_partition_the_time_around_gaps() -> None:
    """The open one ends where the source is lost, at once; the next begins where it is back."""
    out = list(drive(Detect(DetectorOptions(warmup_s=10)), _story()))
    closed = [item for item in out if isinstance(item, SegmentClosed)]
    opened = [item for item in out if isinstance(item, SegmentOpened)]
    assert [item.segment_id for item in opened] == [item.segment_id for item in closed]
    assert [(item.t_start_s, item.t_end_s) for item in closed if item.closed_by == "source_lost"][-1] == (140.0, 145.0)
    borders = [(a.t_end_s, b.t_start_s) for a, b in pairwise(closed) if a.t_end_s != b.t_start_s]
    assert borders == [(40.0, 140.0), (145.0, 200.0)]
    assert (closed[0].t_start_s, closed[-1].t_end_s, closed[-1].closed_by) == (0.0, 230.0, "end_of_stream")
    at = [type(item).__name__ for item in out]
    assert at[at.index("SourceLost") - 1] == "SegmentClosed"


def test_a_loss_right_after_a_gap_makes_no_empty_segment() -> None:
    """A camera that is back for less than a picture leaves no segment, and a source that is away at the end none."""
    items: list[Item] = [
        Keyframe(0.0, 4, 4, b""),
        SourceLost(3.0, "cut"),
        SourceGap(3.0, 10.0, "cut"),
        SourceLost(10.0, "cut"),
        SourceGap(10.0, 20.0, "cut"),
        SourceLost(20.5, "cut"),
        End("end_of_stream", 20.5, 99),
    ]
    closed = [item for item in drive(Detect(DetectorOptions()), items) if isinstance(item, SegmentClosed)]
    assert [(item.t_start_s, item.t_end_s) for item in closed] == [(0.0, 3.0), (20.0, 20.5)]


def test_an_anomaly_does_not_continue_after_a_gap() -> None:
    """The open event ends; the learned reference stays, so the work after it needs no new warm-up."""
    detect = Detect(DetectorOptions(warmup_s=10, settle_windows=5))

    def windows(start: int, stop: int, axis: int) -> list[Item]:
        rng = np.random.default_rng(start)
        vectors = [np.eye(8)[axis] + rng.normal(0, 0.02, 8) for _ in range(start, stop)]
        return [
            Embedding(n, float(n), n + 2.1, v.astype(np.float32), np.tile(v.astype(np.float16), (2, 1)))
            for n, v in zip(range(start, stop), vectors, strict=True)
        ]

    items = [
        *windows(0, 40, 0),
        *windows(40, 50, 1),
        SourceLost(52.0, ""),
        SourceGap(52.0, 100.0, ""),
        *windows(100, 140, 0),
    ]
    out = list(drive(detect, [*items, End("end_of_stream", 142.0, 999)]))
    kinds = [(item.t_start_s, item.kind) for item in out if isinstance(item, SegmentClosed)]
    assert (40.0, "anomalous") in kinds
    assert all(kind == "typical" for t_s, kind in kinds if t_s >= 100)
    again = [item for item in out if isinstance(item, SegmentClosed) and item.t_start_s >= 100]
    assert again[0].score_mean is not None
    assert again[0].theta_on is not None


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    run_layout = RunLayout(tmp_path, "cam")
    run_layout.keyframes.mkdir()
    return run_layout


def _recorded(layout: RunLayout, items: list[Item]) -> list[events.Event]:
    options = Options(source="rtsp://h/l").replace({"output.folder": layout.root, "keyframes.cache_mib": 1})
    record = Record(layout, options)
    for _ in drive(Pipeline([Detect(DetectorOptions(warmup_s=10)), record]), items):
        pass
    record.close()
    return list(read_events(layout.events))


def test_accounting_closes_with_gaps_and_overload(layout: RunLayout) -> None:
    """Decoded time is what is left of the line; it ends as annotated, failed, skipped or damaged."""
    story = _story()
    dropped = StreamOverload(10.25, 12.5, "decoding is too slow", 0, 60)
    skipped = [StreamOverload(20.0 + k, 21.0 + k, "the encoder is too slow", 1, 0) for k in range(5)]
    at = next(n for n, item in enumerate(story) if isinstance(item, Embedding))
    run_events = _recorded(layout, [*story[:at], dropped, *skipped, *story[at:]])
    finish = run_events[-1]
    assert isinstance(finish, events.RunFinished)
    assert (finish.gap_s, finish.dropped_s, finish.windows_skipped) == (100.0 + 55.0, 2.25, 5)
    assert finish.decoded_s == 230.0 - 155.0 - 2.25
    assert finish.decoded_s == finish.annotated_s + finish.failed_s + finish.skipped_s + finish.damaged_s
    assert finish.exit_code == 4
    gaps = [(event.t_start_s, event.t_end_s) for event in run_events if isinstance(event, events.SourceGap)]
    assert gaps == [(40.0, 140.0), (145.0, 200.0)]
    inside = [event.dropped_s for event in run_events if isinstance(event, events.SegmentClosed)]
    assert sum(inside) == 2.25


def test_overload_is_reported_in_stretches(layout: RunLayout) -> None:
    """At most one event in ten seconds, with all that was skipped in them; the last word comes before the end."""
    items: list[Item] = [Keyframe(0.0, 4, 4, b"jpeg")]
    items += [StreamOverload(float(k), k + 1.0, "the encoder is too slow", 1, 0) for k in range(0, 95, 2)]
    run_events = _recorded(layout, [*items, End("end_of_stream", 97.0, 2910)])
    overloads = [event for event in run_events if isinstance(event, events.StreamOverload)]
    assert sum(event.windows_skipped for event in overloads) == 48
    assert len(overloads) <= 10
    assert all(b.t_start_s - a.t_start_s >= 10 for a, b in pairwise(overloads))
    assert isinstance(run_events[-1], events.RunFinished)
    assert run_events[-1].windows_skipped == 48


def test_a_run_that_ends_while_its_source_is_lost_is_incomplete(layout: RunLayout) -> None:
    """Nothing says how much is missing, but something is: exit code 4."""
    items: list[Item] = [Keyframe(0.0, 4, 4, b"jpeg"), SourceLost(3.0, "cut"), End("end_of_stream", 3.0, 90)]
    finish = _recorded(layout, items)[-1]
    assert isinstance(finish, events.RunFinished)
    assert (finish.exit_code, finish.gap_s, finish.decoded_s) == (4, 0.0, 3.0)


def test_segments_continue_after_the_recorded_ones() -> None:
    """From every barrier, and with every number of events told behind it, the segments partition the time all the same.

    A camera's stream cannot be replayed: the new attempt begins with a gap where the old one ended.
    """
    story, detect = _story()[:-1], Detect(DetectorOptions(warmup_s=10))
    segments: list[SegmentOpened | SegmentClosed] = []
    barriers: list[tuple[int, State]] = []
    for item in story:
        segments += [output for output in detect.on_item(item) if isinstance(output, SegmentOpened | SegmentClosed)]
        if isinstance(item, Embedding):
            barriers.append((len(segments), detect.snapshot()))
    for known, state in barriers[5::7]:
        for run_events in range(known, min(known + 4, len(segments))):
            _assert_goes_on(state, segments[:run_events], segments[known:run_events])


def _assert_goes_on(
    state: State, before: list[SegmentOpened | SegmentClosed], behind: list[SegmentOpened | SegmentClosed]
) -> None:
    again = Detect(DetectorOptions(warmup_s=10))
    again.restore(state)
    again.catch_up(behind)
    is_away = isinstance(before[-1], SegmentClosed) and before[-1].closed_by == "source_lost"
    end_s = latest_s(before) + (0.0 if is_away else 0.5)
    rest: list[Item] = [SourceGap(end_s, 500.0, "interrupted"), Keyframe(500.0, 4, 4, b"")]
    rest.append(End("end_of_stream", 510.0, 999))
    closed = [item for item in [*before, *drive(again, rest)] if isinstance(item, SegmentClosed)]
    assert [item.segment_id for item in closed] == [f"s{number:04d}" for number in range(len(closed))]
    assert (closed[-1].t_start_s, closed[-1].t_end_s) == (500.0, 510.0)
    assert closed[-2].t_end_s == end_s
    gaps = {(40.0, 140.0), (145.0, 200.0)}
    assert all(a.t_end_s == b.t_start_s or (a.t_end_s, b.t_start_s) in gaps for a, b in pairwise(closed[:-1]))

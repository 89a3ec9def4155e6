"""Properties of the plan of an export, for any segments, rates and runs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.dataset.episode import ClipFacts, Episode
from exporters.dataset.expression import parse_condition
from exporters.dataset.plan import PlanOptions, plan_run, split_of
from exporters.dataset.rows import Row
from exporters.dataset.store import DataSetFiles, Header, Store
from exporters.run_view import RunView
from stream.detection.options import DetectorOptions
from stream.records import Manifest, RunLayout, SegmentClosed
from stream.records.schema.manifest import SourceRecord
from stream.records.worker import worker_of

RATES = st.sampled_from([1, 10, 24, 25, 30, 50, 60, 120, 240])
STEMS = st.sampled_from(["clip", "clip.a", "clip a", "clip-s0000", "\N{GREEK SMALL LETTER ALPHA}", "factory1_worker2"])
EDGES = st.lists(st.integers(0, 3000), min_size=2, max_size=12, unique=True).map(sorted)
"""Edges of segments, in frames of the clip."""


def run_view(stem: str, edges_s: Sequence[float], fps: float, run_id: str = "0" * 16, name: str = "") -> RunView:
    """A finished run whose segments meet at these edges."""
    manifest = Manifest(
        run_id=run_id,
        state="finished",
        started="2026-01-01T00:00:00.000+00:00",
        source=SourceRecord(name=name or f"{stem}.mp4", size_bytes=1, stream={"fps": fps}),
        intrinsics=None,
        options={},
        encoder={},
    )
    closed = tuple(segment(number, *edges) for number, edges in enumerate(pairwise(edges_s)))
    return RunView(RunLayout(Path(stem), stem), "grid", DetectorOptions(), manifest, closed=closed)


def segment(number: int, t_start_s: float, t_end_s: float) -> SegmentClosed:
    unknown: dict[str, Any] = dict.fromkeys(["score_mean", "score_max", "theta_on", "theta_off", "period_s", "cycles"])
    return SegmentClosed(
        segment_id=f"s{number:04d}", t_start_s=t_start_s, t_end_s=t_end_s, kind="typical", closed_by="state_change",
        detected_at_s=t_end_s, windows=1, damaged_s=0.0, keyframes=1, keyframe_width_px=8, keyframe_height_px=8,
        frames_digest="", **unknown,
    )  # fmt: skip


def seconds(frame: int, fps: int) -> float:
    """The time of a frame, as records hold it."""
    return round(frame / fps, 6)


def frames_of(episode: Episode, fps: int) -> list[int]:
    """The clip's frames that its frames show."""
    first = round(episode.t_start_s * fps)
    return list(range(first, first + episode.frames))


def test_an_episode_names_its_usual_work() -> None:
    """It can be selected by it; the work of another segment may be unknown."""
    view = run_view("clip", [0.0, 2.0, 4.0, 6.0], fps=10)
    closed = tuple(replace(each, mode=mode) for each, mode in zip(view.closed, (0, 1, None), strict=True))
    episodes = plan_run(replace(view, closed=closed), PlanOptions())
    assert [episode.mode for episode in episodes] == [0, 1, None]
    is_second = parse_condition("mode == 1")
    assert [episode.segment_id for episode in episodes if is_second(episode)] == ["s0001"]


@settings(max_examples=25, deadline=None)
@given(edges=EDGES, fps=RATES, longest_s=st.floats(1.0, 30.0))
def test_episodes_partition_the_frames_of_their_segments(edges: list[int], fps: int, longest_s: float) -> None:
    """At the clip's own rate no frame is left out, and none is in two episodes, within segments and across them."""
    view = run_view("clip", [seconds(edge, fps) for edge in edges], fps)
    episodes = plan_run(view, PlanOptions(longest_s=longest_s))
    assert [n for episode in episodes for n in frames_of(episode, fps)] == list(range(edges[0], edges[-1]))
    assert all(episode.duration_s <= longest_s for episode in episodes)
    assert [e.part for e in episodes if e.segment_id == "s0000"] == list(
        range(sum(e.segment_id == "s0000" for e in episodes))
    )


@settings(max_examples=25, deadline=None)
@given(edges=EDGES, own=RATES, fps=RATES)
def test_at_another_rate_an_episode_is_within_a_frame_of_its_segment(edges: list[int], own: int, fps: int) -> None:
    view = run_view("clip", [seconds(edge, own) for edge in edges], own)
    for episode, (first, last) in zip(
        plan_run(view, PlanOptions(fps=fps, longest_s=4000.0)), pairwise(edges), strict=True
    ):
        exact = Fraction(last - first, own) * fps
        rounding = Fraction(fps, 1000)
        assert max(1, int(exact)) <= episode.frames <= max(1, int(exact + rounding + Fraction(1, 500)))


@pytest.mark.parametrize("fps", [15, 24, 30, 60])
def test_no_frame_is_lost_where_times_are_in_milliseconds(fps: int) -> None:
    """As in Matroska: each picture's time is rounded, and a segment's length with it."""
    edges = [0, 1, 31, 32, 34, 100]
    view = run_view("clip", [round(edge / fps, 3) for edge in edges], fps)
    lengths = [episode.frames for episode in plan_run(view, PlanOptions())]
    assert lengths == [last - first for first, last in pairwise(edges)]


@settings(max_examples=25, deadline=None)
@given(
    worker=st.text(min_size=1),
    val_fraction=st.floats(0.0, 0.9),
    seed=st.integers(0, 9),
    stems=st.lists(st.sampled_from("abc"), max_size=4),
)
def test_a_split_never_separates_a_worker(worker: str, val_fraction: float, seed: int, stems: list[str]) -> None:
    wish = PlanOptions(val_fraction=val_fraction, seed=seed)
    name = "factory001/worker007"
    views = [run_view(stem, [0.0, 1.0, 2.0], 30, name=f"{name}/{stem}.mp4") for stem in stems]
    splits = defaultdict(set)
    for episode in (episode for view in views for episode in plan_run(view, wish)):
        splits[episode.worker].add(episode.split)
    assert all(len(names) == 1 for names in splits.values())
    assert set(splits) <= {name}
    assert split_of(worker, wish) == split_of(worker, wish)


@pytest.mark.parametrize(
    ("name", "sidecar", "worker"),
    [
        ("hf://datasets/a/b/factory_001/workers/worker_002/part.tar::x.mp4", {}, "factory001/worker002"),
        ("s3://b/Factory001/WORKER-002/part000.tar::factory_001_worker_002_0000.mp4", {}, "factory001/worker002"),
        ("/clips/x.mp4", {"factory_id": "factory_001", "worker_id": "worker_002"}, "factory001/worker002"),
        (
            "/clips/factory7/worker8/x.mp4",
            {"factory_id": "factory_001", "worker_id": "worker_002"},
            "factory001/worker002",
        ),
        ("/clips/factory001/x.mp4", {"worker_id": "worker_002"}, "factory001/worker002"),
        ("/clips/x.mp4", {"worker_id": "Ana"}, "Ana"),
        ("/clips/x.mp4", {"factory_id": "factory_001"}, ""),
        ("/clips/x.mp4", {}, ""),
    ],
)
def test_a_worker_has_one_name_however_it_is_written(name: str, sidecar: dict[str, Any], worker: str) -> None:
    manifest = run_view("clip", [0.0, 1.0], 30, name=name).records()
    manifest.source.sidecar = sidecar
    assert worker_of(manifest) == worker


Calls = list[list[tuple[str, int]]]
"""Of each call, its runs: the clip's stem, and the run's number."""


def run_id_of(stem: str, number: int) -> str:
    """16 hexadecimal digits."""
    return sha256(f"{stem} {number}".encode()).hexdigest()[:16]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(calls=st.lists(st.lists(st.tuples(STEMS, st.integers(0, 5)), min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_data_set_that_grows_keeps_its_episodes(calls: Calls) -> None:
    """Whichever runs come, in whichever order, and come again: no key is used twice, and none changes."""
    with TemporaryDirectory() as folder, patch("os.fsync"):
        files = DataSetFiles(Path(folder))
        files.clip("").parent.mkdir(parents=True)
        keys: dict[tuple[str, str, int], str] = {}
        for call in calls:
            store = Store(files, HEADER)
            for stem, number in call:
                view = run_view(stem, [0.0, 1.0, 3.5], 30, run_id=run_id_of(stem, number))
                episodes = [store.own_key(episode) for episode in plan_run(view, PlanOptions(longest_s=2.0))]
                if number % 2 or len(call) > 1:  # otherwise its clip cannot be cut
                    store.put_rows(row_of(episode) for episode in episodes)
                    keys |= {
                        part: keys.get(part, episode.key)
                        for episode in episodes
                        for part in [(episode.run_id, episode.segment_id, episode.part)]
                    }
        rows = list(Store(files, HEADER).rows)
    assert {(r.episode.run_id, r.episode.segment_id, r.episode.part): r.episode.key for r in rows} == keys
    assert len(set(keys.values())) == len(keys) == len(rows)


HEADER = Header(
    formats=("clips",), fps=30, picture="raw", longest_px=None, codec="h264", crf=23.0, gop=15, longest_s=2.0,
    val_fraction=0.0, seed=0,
)  # fmt: skip


def row_of(episode: Episode) -> Row:
    clip = ClipFacts(
        key=episode.key, frames=episode.frames, width_px=8, height_px=8, repeated=0, dropped=0, size_bytes=1,
        sha256="0" * 64, rgb_histogram=bytes(3 * 256 * 8),
    )  # fmt: skip
    return Row(episode=episode, cut=clip)


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(0, 10**6))
def test_any_beginning_of_the_state_can_be_read(cut: int) -> None:
    """A write that is cut leaves whole lines, which count, and a torn one, which the next call replaces."""
    with TemporaryDirectory() as folder, patch("os.fsync"):
        files = DataSetFiles(Path(folder))
        files.clip("").parent.mkdir(parents=True)
        rows = [row_of(e) for e in plan_run(run_view("clip", [0.0, 1.0, 3.5, 4.0], 30), PlanOptions(longest_s=1.0))]
        Store(files, HEADER).put_rows(rows)
        whole = files.episodes.read_bytes()
        files.episodes.write_bytes(whole[: cut % (len(whole) + 1)])
        store = Store(files, HEADER)
        assert list(store.rows) == rows[: len(store.rows)]
        store.put_rows(rows)
        assert files.episodes.read_bytes() == whole
        assert list(Store(files, HEADER).rows) == rows

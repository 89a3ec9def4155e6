"""Windows hold the right frames, by the frames' own times."""

from collections.abc import Iterable

import numpy as np
import pytest

from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import Embedding, EncoderFrame, End, Float64, Item
from stream.pipeline.stage import drive
from stream.stages.embed import Embed
from stream.video.sampling import Sampling
from tests.support.spy_encoder import Spy, numbered_frames

END = End("end_of_stream", 0.0, 0)


def windows(
    items: Iterable[Item], stride_s: float = 1.0, sampling: str = "64@30"
) -> tuple[list[Embedding], list[list[int]]]:
    """Embeddings, and the numbers of the frames that each was made of."""
    frames_of_window = Sampling.parse(sampling)
    spy = Spy(frames_of_window.frames)
    stage = Embed(spy, stride_s, rate_fps=frames_of_window.rate_fps)
    return [item for item in drive(stage, [*items, END]) if isinstance(item, Embedding)], spy.seen


def irregular_times_s(frames: int) -> Float64:
    """Times of a stream whose rate varies, from 0 on."""
    times_s = np.cumsum(np.random.default_rng(1).uniform(0.005, 0.08, frames))
    return np.asarray(times_s - times_s[0], np.float64)


@pytest.mark.parametrize("fps", [30.0, 30000 / 1001, 30.02])
def test_every_frame_once_at_thirty_fps(fps: float) -> None:
    """At 30 fps, NTSC or a drifting clock a window is 64 consecutive frames, from the one nearest to the stride."""
    embeddings, frame_numbers = windows(numbered_frames(np.arange(300) / fps))
    assert len(embeddings) == 8
    for k, numbers in enumerate(frame_numbers):
        assert numbers == list(range(round(k * fps), round(k * fps) + 64))
        assert embeddings[k].t_sample_s == pytest.approx(round(k * fps) / fps)


def test_other_rates_are_picked_by_time() -> None:
    """60 fps gives every second frame, 15 fps each frame about twice."""
    _, fast = windows(numbered_frames(np.arange(300) / 60))
    assert fast[0] == list(range(0, 128, 2))
    _, slow = windows(numbered_frames(np.arange(60) / 15))
    assert slow[0][0] == 0
    assert slow[0][-1] in {31, 32}
    assert set(np.diff(slow[0])) <= {0, 1}


@pytest.mark.parametrize("sampling", ["64@30", "64@4", "32@8", "16@8"])
@pytest.mark.parametrize("stride_s", [1.0, 0.35])
def test_each_frame_is_the_nearest_of_all(sampling: str, stride_s: float) -> None:
    """With irregular times the picks are those of a search through the whole stream, for every preset."""
    times_s, preset = irregular_times_s(700), Sampling.parse(sampling)
    _, frame_numbers = windows(numbered_frames(times_s), stride_s, sampling)
    expected = []
    for start_s in np.arange(0, times_s[-1], stride_s):
        first_s = times_s[np.abs(times_s - start_s).argmin()]
        wanted_s = first_s + np.arange(preset.frames) / preset.rate_fps
        if wanted_s[-1] <= times_s[-1]:
            expected.append([int(np.abs(times_s - t_s).argmin()) for t_s in wanted_s])
    assert frame_numbers == expected


def test_hole_is_not_encoded() -> None:
    """A window over a stretch without frames is left out, and the next whole one is at its own time."""
    times = [t_s for t_s in np.arange(600) / 30 if not 6.0 <= t_s < 8.0]
    embeddings, _ = windows(numbered_frames(times))
    starts = [round(item.t_sample_s) for item in embeddings]
    assert starts == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
    assert [item.index for item in embeddings] == list(range(len(embeddings)))


def test_a_window_of_one_frozen_frame_is_not_encoded() -> None:
    """A window that begins where a long hole does takes its first frame over and over: no gap between two shows it."""
    embeddings, frame_numbers = windows(numbered_frames([t_s for t_s in np.arange(420) / 30 if not 4.0 <= t_s < 10.0]))
    assert [round(item.t_sample_s) for item in embeddings] == [0, 1, 2, 10, 11]
    assert min(len(set(numbers)) for numbers in frame_numbers) >= 60


@pytest.mark.parametrize(("hole_s", "left_out"), [(0.9, 0), (1.3, 16)])
def test_a_long_window_has_the_same_holes(hole_s: float, left_out: int) -> None:
    """At 4 frames a second two frames are apart without a hole between them; a real one spoils all windows over it."""
    times_s = np.arange(1800) / 30
    whole, _ = windows(numbered_frames(times_s), sampling="64@4")
    embeddings, _ = windows(numbered_frames(times_s[(times_s < 30.1) | (times_s > 30.1 + hole_s)]), sampling="64@4")
    assert len(whole) - len(embeddings) == left_out


def test_a_slow_source_is_not_a_hole() -> None:
    """A rate below 2 frames a second, if one were asked for, would not take its own frames' distance for a hole."""
    assert Sampling(16, 0.5).hole_s == 4.0
    assert {Sampling.parse(text).hole_s for text in ("64@30", "64@4", "32@8", "16@8")} == {1.0}


def test_short_clip_has_no_window() -> None:
    """A clip shorter than one window gives no embedding, and its other items pass in order."""
    others: list[Item] = [SourceDamaged(0.1, 0.2, "lost", 1), End("end_of_stream", 1.0, 30)]
    passed = list(drive(Embed(Spy(), 1.0), [*numbered_frames(np.arange(30) / 30), *others]))
    assert passed == others


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["64@30", "64@4"])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("times_s", [np.arange(720) * 1001 / 30000, irregular_times_s(520)], ids=["ntsc", "varying"])
def test_restored_stage_continues_exactly(sampling: str, batch: int, times_s: Float64) -> None:
    """Wherever it is cut: restored, and fed from ``replay_from_s`` on, it gives what the old one would have."""
    items, preset = numbered_frames(times_s), Sampling.parse(sampling)

    def fresh() -> tuple[Embed, Spy]:
        spy = Spy(preset.frames)
        return Embed(spy, 1.0, rate_fps=preset.rate_fps, batch=batch, max_latency_s=2.5), spy

    stage, spy = fresh()
    whole = identities([*(output for item in items for output in stage.on_item(item)), *stage.on_end()])
    for cut in range(0, len(items), 37):
        first, _ = fresh()
        head = [output for item in items[:cut] for output in first.on_item(item)]
        state = first.snapshot()
        second, resumed = fresh()
        second.restore(state)
        rest = [
            item for item in items if isinstance(item, EncoderFrame) and item.t_s >= float(str(state["replay_from_s"]))
        ]
        tail = [*(output for item in rest for output in second.on_item(item)), *second.on_end()]
        assert identities([*head, *tail]) == whole
        assert resumed.batches == spy.batches[len(spy.batches) - len(resumed.batches) :]


def identities(items: Iterable[Item]) -> list[tuple[int, float, float, float]]:
    """What tells one embedding from another."""
    return [
        (item.index, item.t_sample_s, item.t_end_s, float(item.temporal[0, 0]))
        for item in items
        if isinstance(item, Embedding)
    ]


@pytest.mark.parametrize(
    ("sampling", "frames_max"), [("64@30", 64 + 30 + 2), ("64@4", 64 + 4 + 2), ("16@8", 16 + 8 + 2)]
)
def test_memory_holds_one_window(sampling: str, frames_max: int) -> None:
    """However long the stream, no more frames are kept than one window and one stride are made of, each put once."""
    preset = Sampling.parse(sampling)
    spy = Spy(preset.frames)
    stage = Embed(spy, 1.0, rate_fps=preset.rate_fps)
    list(drive(stage, numbered_frames(np.arange(3000) / 30)))
    assert spy.kept_max <= frames_max
    assert spy.puts <= 100 * preset.rate_fps + 1


def test_sampling_is_recorded() -> None:
    """The source's rate, the share of frames that stand twice, and how far a picked one is from its time at most."""
    stage = Embed(Spy(), 1.0)
    list(drive(stage, [*numbered_frames(np.arange(150) / 25), END]))
    assert stage.facts()["windows"] == {
        "sampling": "64@30",
        "stride_s": 1.0,
        "windows": 4,
        "left_out_for_holes": 0,
        "source_fps": 25.0,
        "repeated_share": pytest.approx(1 / 6, abs=0.02),
        "farthest_ms": pytest.approx(20.0, abs=0.1),
    }


@pytest.mark.parametrize(("sampling", "sample_s"), [("64@30", 0.0), ("16@8", 0.0), ("32@8", 2.0), ("64@4", 8.0)])
def test_a_long_window_is_dated_with_its_middle(sampling: str, sample_s: float) -> None:
    """A window up to the published one's length stands for its start, as published; a longer one for its middle."""
    embeddings, _ = windows(numbered_frames(np.arange(600) / 30), sampling=sampling)
    assert embeddings[0].t_sample_s == pytest.approx(sample_s, abs=0.15)
    assert np.diff([item.t_sample_s for item in embeddings]) == pytest.approx(1.0)

"""Windows hold the right frames, by the frames' own times."""

from collections.abc import Iterable

import numpy as np
import pytest

from models.encoder import ClipEmbedding, Facts, UInt8
from stream.items import Damage, Embedding, End, Item, Tile
from stream.stage import drive
from stream.stages.window import Window


class Spy:
    """An encoder that keeps the numbers of the frames it was given: a tile's pixels hold its number."""

    name = "spy"
    frames = 64
    tile_px = 1

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def facts(self) -> Facts:
        return {}

    def encode(self, tiles: UInt8) -> ClipEmbedding:
        numbers = [int(tile[0, 0, 0]) * 256 + int(tile[0, 0, 1]) for tile in tiles]
        self.seen.append(numbers)
        return ClipEmbedding(np.zeros(1, np.float32), np.full((32, 1), numbers[0], np.float16))


def tiles(times_s: Iterable[float]) -> list[Item]:
    """Tiles with these times; each knows its number."""
    return [Tile(k, t_s, 1 / 30, np.array([[[k // 256, k % 256, 0]]], np.uint8)) for k, t_s in enumerate(times_s)]


def windows(items: Iterable[Item], stride_s: float = 1.0) -> tuple[list[Embedding], list[list[int]]]:
    """Embeddings, and the numbers of the frames that each was made of."""
    spy = Spy()
    made = [item for item in drive(Window(spy, stride_s), items) if isinstance(item, Embedding)]
    return made, spy.seen


@pytest.mark.parametrize("fps", [30.0, 30000 / 1001, 30.02])
def test_every_frame_once_at_thirty_fps(fps: float) -> None:
    """At 30 fps, NTSC or a drifting clock a window is 64 consecutive frames, from the one nearest to the stride."""
    made, seen = windows(tiles(np.arange(300) / fps))
    assert len(made) == 8
    for k, numbers in enumerate(seen):
        assert numbers == list(range(round(k * fps), round(k * fps) + 64))
        assert made[k].t_start_s == pytest.approx(round(k * fps) / fps)


def test_other_rates_are_picked_by_time() -> None:
    """60 fps gives every second frame, 15 fps each frame about twice."""
    _, fast = windows(tiles(np.arange(300) / 60))
    assert fast[0] == list(range(0, 128, 2))
    _, slow = windows(tiles(np.arange(60) / 15))
    assert slow[0][0] == 0
    assert slow[0][-1] in {31, 32}
    assert set(np.diff(slow[0])) <= {0, 1}


def test_variable_rate_takes_the_nearest_frame() -> None:
    """With irregular times each pick is the frame nearest to its time."""
    times = np.cumsum(np.random.default_rng(1).uniform(0.005, 0.08, 200))
    times -= times[0]
    made, seen = windows(tiles(times))
    for embedding, numbers in zip(made, seen, strict=True):
        wanted = embedding.t_start_s + np.arange(64) / 30
        best = [np.abs(times - t_s).min() for t_s in wanted]
        assert np.allclose([abs(times[n] - t_s) for n, t_s in zip(numbers, wanted, strict=True)], best)


def test_hole_is_not_encoded() -> None:
    """A window over a stretch without frames is left out, and the next whole one is at its own time."""
    times = [t_s for t_s in np.arange(600) / 30 if not 6.0 <= t_s < 8.0]
    made, _ = windows(tiles(times))
    starts = [round(item.t_start_s) for item in made]
    assert starts == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
    assert [item.index for item in made] == list(range(len(made)))


def test_short_clip_has_no_window() -> None:
    """A clip shorter than one window gives no embedding, and its other items pass in order."""
    others: list[Item] = [Damage(0.1, 0.2, "lost", 1), End("end_of_stream", 1.0, 30)]
    passed = list(drive(Window(Spy(), 1.0), [*tiles(np.arange(30) / 30), *others]))
    assert passed == others


def test_restored_stage_goes_on_exactly() -> None:
    """A new stage restored from a snapshot and fed from ``replay_from_s`` on gives what the old one would have."""
    items = tiles(np.arange(600) / 30)
    whole, _ = windows(items)
    first = Window(Spy(), 1.0)
    head = [item for tile in items[:250] for item in first.on_item(tile)]
    state = first.snapshot()
    second = Window(Spy(), 1.0)
    second.restore(state)
    replay_from_s = state["replay_from_s"]
    assert isinstance(replay_from_s, float)
    rest = [item for item in items if isinstance(item, Tile) and item.t_s >= replay_from_s]
    tail = [item for tile in rest for item in second.on_item(tile)]
    assert [(e.index, e.t_start_s) for e in [*head, *tail] if isinstance(e, Embedding)] == [
        (e.index, e.t_start_s) for e in whole
    ]


def test_memory_holds_one_window() -> None:
    """However long the stream, no more tiles are kept than one window and one stride need."""
    window = Window(Spy(), 1.0)
    for tile in tiles(np.arange(3000) / 30):
        list(window.on_item(tile))
        assert len(window._tiles) <= 64 + 30 + 2

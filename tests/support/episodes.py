"""Episodes and data sets in memory, without clips."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Box, ClipFacts, Episode, EpisodeAction
from exporters.dataset.rows import Row, Rows
from exporters.dataset.store import DataSetFiles, Header, RunFacts

WIDTH_PX, HEIGHT_PX = 100, 50


def episode(**changes: object) -> Episode:
    """Two seconds of a described segment, at 20 frames a second."""
    action = EpisodeAction(
        t_start_s=0.0,
        t_end_s=1.0,
        active=True,
        subtask="Drive the Screw in",
        objects=(Box(name="Screw", rigid=True, xyxy=(0, 0, 1, 1), width_px=8, height_px=8),),
    )
    values = {
        "key": "clip-s0000", "run_id": "1", "clip": "clip", "segment_id": "s0000", "t_start_s": 3.0, "frames": 40,
        "fps": 20, "worker": "worker001", "kind": "anomalous", "closed_by": "state_change", "windows": 2,
        "score_mean": 0.1, "score_max": 0.2, "period_s": None, "cycles": None, "damaged_s": 0.0,
        "outcome": "annotated", "actions": (action,),
    }  # fmt: skip
    return Episode.model_validate({**values, **changes})


def with_words(*words: str, **changes: object) -> Episode:
    """An episode with one active action for each of these subtasks."""
    step_s = 2.0 / max(1, len(words))
    actions = [
        EpisodeAction(t_start_s=at * step_s, t_end_s=(at + 1) * step_s, active=True, subtask=subtask)
        for at, subtask in enumerate(words)
    ]
    return episode(actions=tuple(actions), **changes)


def row_of(subject: Episode, histogram: bytes = bytes(3 * 256 * 8)) -> Row:
    """An episode with the facts of a clip."""
    clip = ClipFacts(
        key=subject.key, frames=subject.frames, width_px=WIDTH_PX, height_px=HEIGHT_PX, repeated=0, dropped=0,
        size_bytes=1, sha256="", rgb_histogram=histogram,
    )  # fmt: skip
    return Row(episode=subject, cut=clip)


def run_facts(**changes: object) -> RunFacts:
    """The origin of ``episode``."""
    values = {
        "run_id": "1", "clip": "clip", "source": {"name": "clip.mp4", "size_bytes": 1, "sha256": "a" * 64},
        "lens": {"picture": "rectified", "keyframes": "rectified"}, "encoder": {"model": "grid"}, "annotators": (),
        "detector": {}, "licence": "",
    }  # fmt: skip
    return RunFacts.model_validate({**values, **changes})


class _InMemory(Rows):
    """Rows that no file holds."""

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__(Path(), range(len(rows)), range(len(rows)))
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401  # as a sequence
        return self._rows[index]


def data_set(
    episodes: Sequence[Episode], runs: Sequence[RunFacts] = (), folder: Path | None = None, **header: object
) -> DataSet:
    """A data set of these episodes; ``header`` changes its options."""
    values = {
        "formats": ("clips",), "fps": 20, "picture": "rectified", "longest_px": None, "codec": "h264", "crf": 23,
        "gop": 10, "longest_s": 300, "val_fraction": 0, "seed": 0,
    }  # fmt: skip
    rows = _InMemory([row_of(subject) for subject in episodes])
    files = DataSetFiles(folder or Path())
    return DataSet(files, Header.model_validate({**values, **header}), rows, tuple(runs) or (run_facts(),))

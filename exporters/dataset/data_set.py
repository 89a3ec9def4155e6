"""A data set as a format sees it: its episodes in order, their clips, and where they come from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from exporters.dataset.episode import Split
from exporters.dataset.provenance import origin_columns, provenance_of
from exporters.dataset.store import DataSetFiles, Header, Row, RunFacts
from exporters.run_view import RunView
from stream.errors import InputError


@dataclass(frozen=True, eq=False)
class DataSet:
    """All that formats write. Data sets with equal content are written as the same bytes."""

    files: DataSetFiles
    header: Header
    rows: tuple[Row, ...]
    runs: tuple[RunFacts, ...]
    views: Mapping[str, RunView] = field(default_factory=dict)
    """The runs of this call, by id. Those of earlier calls may no longer exist."""

    def clip(self, row: Row) -> Path:
        """The MP4 of an episode."""
        return self.files.clip(row.episode.key)

    def splits(self) -> Iterator[tuple[Split, tuple[Row, ...]]]:
        """The rows of each split that has any."""
        names: tuple[Split, ...] = ("train", "val")
        for name in names:
            if rows := tuple(row for row in self.rows if row.episode.split == name):
                yield name, rows

    def is_split(self) -> bool:
        """Whether workers are set apart for validation."""
        return self.header.val_fraction > 0.0

    def roots(self, folder: Path) -> Iterator[tuple[Path, tuple[Row, ...]]]:
        """The folder of each split that has rows, which exists; without splits, the one folder."""
        for split, rows in self.splits():
            root = folder / split if self.is_split() else folder
            root.mkdir(parents=True, exist_ok=True)
            yield root, rows

    def shows_keyframes(self, row: Row) -> bool:
        """Whether an episode's pictures have the view of its run's keyframes, so that boxes fit."""
        return bool(self.run_of(row).lens.get("keyframes") == self.header.picture)

    def size_px(self) -> tuple[int, int]:
        """Width and height of all pictures.

        Raises:
            InputError: they differ.
        """
        first = self.rows[0]
        size = first.clip.width_px, first.clip.height_px
        for row in self.rows:
            if (row.clip.width_px, row.clip.height_px) != size:
                raise InputError(
                    f"{row.episode.clip} is {row.clip.width_px}x{row.clip.height_px} and {first.episode.clip} is "
                    f"{size[0]}x{size[1]}: this format holds pictures of one size; export them to two folders"
                )
        return size

    def runs_of(self, rows: Sequence[Row]) -> list[RunFacts]:
        """The runs that these rows come from, in the order in which they were added."""
        ids = {row.episode.run_id for row in rows}
        return [run for run in self.runs if run.run_id in ids]

    def provenance(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Where these rows come from: JSON types only."""
        return provenance_of(self.header, self.runs_of(rows))

    def provenance_of(self, row: Row) -> dict[str, Any]:
        """Where one episode comes from: JSON types only."""
        return provenance_of(self.header, [self.run_of(row)])

    def run_of(self, row: Row) -> RunFacts:
        """The run that an episode comes from."""
        return self._runs_by_id[row.episode.run_id]

    @cached_property
    def _runs_by_id(self) -> dict[str, RunFacts]:
        return {run.run_id: run for run in self.runs}


def episode_facts(data_set: DataSet, row: Row) -> dict[str, Any]:
    """An episode as one flat row of JSON types, with its origin; only unknown numbers are null."""
    episode, clip = row.episode, row.clip
    return {
        "key": episode.key,
        "run_id": episode.run_id,
        "clip": episode.clip,
        "segment_id": episode.segment_id,
        "part": episode.part,
        "worker": episode.worker,
        "split": episode.split,
        "t_start_s": float(episode.t_start_s),
        "t_end_s": float(episode.t_end_s),
        "duration_s": float(episode.duration_s),
        "fps": episode.fps,
        "frames": episode.frames,
        "repeated_frames": clip.repeated,
        "dropped_pictures": clip.dropped,
        "width_px": clip.width_px,
        "height_px": clip.height_px,
        "kind": episode.kind,
        "closed_by": episode.closed_by,
        "windows": episode.windows,
        "score_mean": episode.score_mean,
        "score_max": episode.score_max,
        "period_s": episode.period_s,
        "cycles": episode.cycles,
        "damaged_s": float(episode.damaged_s),
        "outcome": episode.outcome,
        "reason": episode.reason,
        "caption": episode.caption,
        **origin_columns(data_set.header, data_set.run_of(row), row),
        "video_sha256": clip.sha256,
    }

"""A data set as a format sees it: its episodes in order, their clips, and where they come from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from exporters.dataset.episode import Split
from exporters.dataset.provenance import origin_columns, provenance_of
from exporters.dataset.rows import Row, Rows
from exporters.dataset.store import DataSetFiles, Header, RunFacts
from stream.errors import InputError


@dataclass(frozen=True, eq=False)
class DataSet:
    """All that formats write. Data sets with equal content are written as the same bytes."""

    files: DataSetFiles
    header: Header
    rows: Rows
    runs: tuple[RunFacts, ...]
    run_folders: Mapping[str, Path] = field(default_factory=dict)
    """The run directories of this call, by run id. Those of earlier calls may no longer exist."""

    def clip(self, row: Row) -> Path:
        """The MP4 of an episode.

        Raises:
            InputError: it was removed.
        """
        path = self.files.clip(row.episode.key)
        if not path.exists():
            raise InputError(f"{path} is missing, which this data set is written from: export to a new folder")
        return path

    def splits(self) -> Iterator[tuple[Split, Rows]]:
        """The rows of each split that has any."""
        if not self.is_split():
            yield "train", self.rows
            return
        names: tuple[Split, ...] = ("train", "val")
        for name in names:
            if rows := self._of_split(name):
                yield name, rows

    def is_split(self) -> bool:
        """Whether workers are set apart for validation."""
        return self.header.val_fraction > 0.0

    def roots(self, folder: Path) -> Iterator[tuple[Path, Rows]]:
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

    def _of_split(self, split: Split) -> Rows:
        return self.rows.where(lambda row: row.episode.split == split)

    def run_of(self, row: Row) -> RunFacts:
        """The run that an episode comes from."""
        return self._runs_by_id[row.episode.run_id]

    @cached_property
    def _runs_by_id(self) -> dict[str, RunFacts]:
        return {run.run_id: run for run in self.runs}


def episode_facts(data_set: DataSet, row: Row) -> dict[str, Any]:
    """An episode as one flat row of JSON types, with its origin; only unknown numbers are null.

    What only a clip would tell is unknown of one that was not cut.
    """
    episode, clip = row.episode, row.cut
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
        "repeated_frames": clip and clip.repeated,
        "dropped_pictures": clip and clip.dropped,
        "width_px": clip and clip.width_px,
        "height_px": clip and clip.height_px,
        "kind": episode.kind,
        "closed_by": episode.closed_by,
        "windows": episode.windows,
        "score_mean": episode.score_mean,
        "score_max": episode.score_max,
        "period_s": episode.period_s,
        "cycles": episode.cycles,
        "judged_from_s": episode.judged_from_s,
        "mode": episode.mode,
        "activity": episode.activity,
        "head_motion": episode.head_motion,
        "idle_s": float(episode.idle_s),
        "damaged_s": float(episode.damaged_s),
        "outcome": episode.outcome,
        "reason": episode.reason,
        "caption": episode.caption,
        **origin_columns(data_set.header, data_set.run_of(row), row),
        "video_sha256": clip.sha256 if clip else "",
    }

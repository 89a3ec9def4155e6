"""Names of everything in a run directory; no other module knows them."""

from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Final

RUNS: Final = Path("runs")
"""Default parent of run directories."""


@dataclass(frozen=True, slots=True)
class RunLayout:
    """Paths of one run, ``OUT/<clip stem>/``. Only ``owned`` touches the disk."""

    root: Path
    stem: str
    annotation_name: str = ""
    """The annotation whose files are meant; empty: the default one, and the first one while it is the only one."""

    @property
    def events(self) -> Path:
        """The contract: one JSON object per line, append-only."""
        return self.root / "events.jsonl"

    @property
    def manifest(self) -> Path:
        """Provenance."""
        return self.root / "run.json"

    @property
    def health(self) -> Path:
        """The state of the run, replaced once a second while it lasts."""
        return self.root / "health.json"

    @property
    def annotations(self) -> Path:
        """JSON array of the action segments so far."""
        if self.annotation_name:
            return self.annotation_folder / f"{self.annotation_name}.json"
        return self.root / f"{self.stem}_annotations.json"

    @property
    def annotation_folder(self) -> Path:
        """The files of each annotation, if there are several; there is none while a run has one."""
        return self.root / "annotations"

    @property
    def embeddings(self) -> Path:
        """(N, D) float32, mean-pooled."""
        return self.root / f"{self.stem}_emb.npy"

    @property
    def temporal(self) -> Path:
        """(N, T, D) float16, temporal tokens."""
        return self.root / f"{self.stem}_temb.npy"

    @property
    def timestamps(self) -> Path:
        """(N,) float64, seconds: the start of each window; the middle of windows longer than the published."""
        return self.root / f"{self.stem}_ts.npy"

    @property
    def arrays(self) -> tuple[Path, Path, Path]:
        """All three arrays; each has one row per window."""
        return self.embeddings, self.temporal, self.timestamps

    @property
    def checkpoints(self) -> tuple[Path, Path]:
        """Checkpoints for a resume after a kill, written in turn: ``stream.records.store.checkpoint``."""
        return self.root / "state" / "0.state", self.root / "state" / "1.state"

    @property
    def durable_checkpoint(self) -> Path:
        """Checkpoint for a resume after a power cut."""
        return self.root / "state" / "durable.state"

    @property
    def warm_start(self) -> Path:
        """What the detector began with, if a run has a warm start: ``stream.records.store.warm_start``."""
        return self.root / "state" / "warm_start.state"

    @property
    def attempt(self) -> Path:
        """Number of the current attempt, the only one that may write."""
        return self.root / "state" / "attempt"

    @property
    def encoded(self) -> Path:
        """One byte for every window that was encoded, over all attempts."""
        return self.root / "state" / "encoded"

    @property
    def raw_responses(self) -> Path:
        """The annotator's raw responses: one JSON object per line."""
        if self.annotation_name:
            return self.annotation_folder / f"{self.annotation_name}_raw_response.txt"
        return self.root / f"{self.stem}_raw_response.txt"

    @property
    def keyframes(self) -> Path:
        """The keyframe cache: JPEGs named by their time in milliseconds."""
        return self.root / "keyframes"

    @property
    def logs(self) -> Path:
        """Standard error of the processes; empty logs are removed."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Lock file of the run that writes here."""
        return self.root / ".lock"

    def owned(self) -> list[Path]:
        """All files that a run writes here: a new run may replace these and nothing else."""
        stem = escape(self.stem)
        patterns = (
            "events.jsonl", "run.json", "health.json", "anomalies.json",
            f"{stem}_*.json", f"{stem}_*.npy", f"{stem}_*.txt", f"{stem}_*.png",
            "annotations/*.json", "annotations/*_raw_response.txt",
            "keyframes/*.jpg", "logs/*.log", "state/*.state", "state/encoded",
        )  # fmt: skip
        return sorted(path for pattern in patterns for path in self.root.glob(pattern))

"""Names of everything in a run directory: the one place that knows them."""

from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Final

RUNS: Final = Path("runs")
"""Where run directories are made, unless another place is named."""


@dataclass(frozen=True, slots=True)
class RunLayout:
    """Paths of one run, ``OUT/<clip stem>/``. Nothing here touches the disk but ``owned``."""

    root: Path
    stem: str

    @property
    def events(self) -> Path:
        """The contract: one JSON object a line, append-only."""
        return self.root / "events.jsonl"

    @property
    def manifest(self) -> Path:
        """Provenance."""
        return self.root / "run.json"

    @property
    def health(self) -> Path:
        """How the run is, written anew once a second while it lasts: old means that nobody watches over it."""
        return self.root / "health.json"

    @property
    def annotations(self) -> Path:
        """JSON array of the action segments so far."""
        return self.root / f"{self.stem}_annotations.json"

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
        """(N,) float64, seconds: when windows start; of windows longer than the published ones, their middle."""
        return self.root / f"{self.stem}_ts.npy"

    @property
    def arrays(self) -> tuple[Path, Path, Path]:
        """All three: a row in each for every window."""
        return self.embeddings, self.temporal, self.timestamps

    @property
    def states(self) -> tuple[Path, Path]:
        """Where the run can go on, written in turn: ``stream.records.store.checkpoint``."""
        return self.root / "state" / "0.state", self.root / "state" / "1.state"

    @property
    def durable_state(self) -> Path:
        """Where it can go on after a power cut."""
        return self.root / "state" / "durable.state"

    @property
    def attempt(self) -> Path:
        """Number of the attempt that may write here."""
        return self.root / "state" / "attempt"

    @property
    def encoded(self) -> Path:
        """One byte for every window that was given to the encoder, in all attempts."""
        return self.root / "state" / "encoded"

    @property
    def raw_responses(self) -> Path:
        """What the annotator said, before anything was made of it: one JSON object a line."""
        return self.root / f"{self.stem}_raw_response.txt"

    @property
    def keyframes(self) -> Path:
        """The spool: JPEGs named by their time in milliseconds."""
        return self.root / "keyframes"

    @property
    def logs(self) -> Path:
        """What the processes said on standard error; empty logs are removed."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held by the one run that writes here."""
        return self.root / ".lock"

    def owned(self) -> list[Path]:
        """All files here that a run has made, so that a new run may replace them and nothing else."""
        stem = escape(self.stem)
        patterns = (
            "events.jsonl", "run.json", "health.json", "anomalies.json",
            f"{stem}_*.json", f"{stem}_*.npy", f"{stem}_*.txt", f"{stem}_*.png",
            "keyframes/*.jpg", "logs/*.log", "state/*.state", "state/encoded",
        )  # fmt: skip
        return sorted(path for pattern in patterns for path in self.root.glob(pattern))

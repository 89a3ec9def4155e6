"""Small files of every kind that an evaluation reads."""

from pathlib import Path

import pytest

from stream.evaluation.types import Stretch
from stream.pipeline.facts import ClosedBy, SegmentKind
from stream.records.schema import events
from stream.records.store.event_log import EventLog

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
LOGS = SHARED / "series" / "egocentric10k_event_logs"
needs_logs = pytest.mark.skipif(not LOGS.is_dir(), reason="the Egocentric-10K event logs are not beside the checkout")


def file(tmp_path: Path, name: str, text: str) -> Path:
    """A file with this text."""
    path = tmp_path / name
    path.write_text(text)
    return path


def spans(stretches: tuple[Stretch, ...]) -> list[tuple[float, float]]:
    """Edges only."""
    return [(each.t_start_s, each.t_end_s) for each in stretches]


def closed(number: int, start_s: float, end_s: float, kind: SegmentKind, closed_by: ClosedBy) -> events.SegmentClosed:
    """The end of a segment, known 3 s after it."""
    return events.SegmentClosed(f"s{number:04}", start_s, end_s, kind, closed_by, detected_at_s=end_s + 3, windows=1)


def write_run(directory: Path, stem: str, *, finished: bool = True) -> Path:
    """A run of 200 s: an event at 60-100 s in two pieces, and one from 180 s to the end."""
    directory.mkdir(parents=True)
    pieces: list[tuple[float, float, SegmentKind, ClosedBy]] = [
        (0.0, 60.0, "typical", "state_change"),
        (60.0, 90.0, "anomalous", "max_duration"),
        (90.0, 100.0, "anomalous", "state_change"),
        (100.0, 180.0, "typical", "state_change"),
        (180.0, 200.0, "anomalous", "end_of_stream"),
    ]
    with EventLog(directory / "events.jsonl") as log:
        log.append(events.RunStarted(run_id="r", source=f"{stem}.mp4", stem=stem, encoder="grid", annotator="none"))
        for number, (start_s, end_s, kind, closed_by) in enumerate(pieces):
            log.append(events.SegmentOpened(f"s{number:04}", start_s, kind, detected_at_s=start_s + 4))
            log.append(closed(number, start_s, end_s, kind, closed_by))
        if finished:
            log.append(
                events.RunFinished(
                    decoded_s=200.0, annotated_s=0, skipped_s=200.0, failed_s=0, damaged_s=0, frames=6000,
                    packets_lost=0, windows=198, segments=5, anomalous=3, wall_s=20.0, exit_code=0,
                )
            )  # fmt: skip
    return directory

"""An event log is followed while it grows."""

from pathlib import Path

from stream.records import follow
from stream.records.schema import events
from stream.records.store.event_log import EventLog


def test_follow_continues_while_the_log_grows(tmp_path: Path) -> None:
    """Events that are written while tail waits are given in order, up to the run's last."""
    path = tmp_path / "events.jsonl"
    todo: list[events.Event] = [
        events.RunStarted(run_id="r", source="c.mp4", stem="c", encoder="grid", annotator="none"),
        events.SegmentOpened(segment_id="s0000", t_start_s=0.0, kind="typical", detected_at_s=0.0),
        events.RunFailed(reason="stopped by SIGTERM", exit_code=143, decoded_s=0.0),
    ]

    def write_next() -> None:
        with EventLog(path) as log:
            log.append(todo.pop(0))

    assert [event.event for event, _ in follow(tmp_path / "events.jsonl", 0, write_next)] == [
        "run.started",
        "segment.opened",
        "run.failed",
    ]

"""Events as lines for people."""

import pytest

from stream.records.schema import events
from stream.ui.text import describe


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (events.SourceLost(t_s=61.0, reason="cut"), "source lost  at 0:01:01.0, reconnecting: cut"),
        (
            events.SourceGap(t_start_s=61.0, t_end_s=70.0, reason="cut"),
            "source back  0:01:01.0 to 0:01:10.0 are missing: cut",
        ),
        (
            events.StreamOverload(t_start_s=1.0, t_end_s=9.0, reason="slow", windows_skipped=3, packets_dropped=60),
            "overload  0:00:01.0 to 0:00:09.0, 3 windows skipped, 60 packets not decoded: slow",
        ),
    ],
)
def test_a_person_reads_one_line_an_event(event: events.Event, line: str) -> None:
    """What happened, when, and why."""
    assert describe(event) == line

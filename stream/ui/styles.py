"""What colours mean, in every terminal output: nothing is coloured for its looks."""

from typing import Final

from rich.style import Style

from stream.errors import is_stop
from stream.records.schema import events
from stream.ui.notes import Level

ANOMALOUS: Final = Style(color="yellow")
"""Anomalous segments, and warnings: worth a look."""
FAILED: Final = Style(color="red")
"""What failed or was lost."""
DONE: Final = Style(color="green")
RUNNING: Final = Style(color="cyan")
"""What is under way."""
ASIDE: Final = Style(dim=True)
PLAIN: Final = Style()

OF_LEVEL: Final[dict[Level, Style]] = {"info": PLAIN, "warning": ANOMALOUS, "error": FAILED}


def style_of(event: events.Event) -> Style:
    """The style of an event's line."""
    match event:
        case events.SegmentClosed(kind="anomalous"):
            return ANOMALOUS
        case events.RunFinished():
            return DONE
        case events.RunFailed(exit_code=code):
            return PLAIN if is_stop(code) else FAILED
        case (
            events.SegmentFailed() | events.SourceDamaged() | events.SourceLost() | events.StreamOverload()
            | events.StageRestarted()
        ):  # fmt: skip
            return FAILED
        case _:
            return PLAIN

"""What a run has found, in words."""

from collections import Counter
from collections.abc import Sequence

from stream.records.counts import RunCounts
from stream.records.listing import ListedRun
from stream.ui.text import clock, count, found


def counts_text(counts: RunCounts) -> str:
    """``0:01:50.0 of video; 12 segments, 2 anomalous, 3 described``."""
    parts = [found(counts.segments, counts.stretches, counts.anomalous)]
    parts += [f"{clock(counts.idle_s)} idle"] if counts.idle_s else []
    parts += [f"{counts.described:,} described"] if counts.described else []
    parts += [f"{counts.failed:,} failed"] if counts.failed else []
    return f"{clock(counts.decoded_s)} of video; {', '.join(parts)}"


def runs_text(runs: Sequence[ListedRun]) -> str:
    """``9 clips: 8 finished, 1 running; 0:01:50.0 of video; 12 segments, 2 anomalous``."""
    states = Counter(run.state for run in runs)
    approximate = sum(bool(run.lens) for run in runs)
    parts = [f"{number:,} {state}" for state, number in states.items()]
    parts += [f"{approximate:,} with an approximate lens"] if approximate else []
    words = ", ".join(parts)
    total = sum((run.counts for run in runs), RunCounts())
    return f"{count(len(runs), 'clip')}{': ' if words else ''}{words}; {counts_text(total)}"

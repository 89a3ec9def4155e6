"""How soon a segment's edges are known, on a clip that is played as a camera would play it.

    python -m tests.tools.bench_latency [CLIP]

``detector``: stream time from an edge to the end of the window that tells of it; on any machine that keeps up it is the
same. ``machine``: from when that window's last frame was due to when the event was on disk. ``all``: from when the edge
was due to the event. A frame is due so long after the clip's beginning as its time says; when that was, the earliest of
the keyframes tells: none can be on disk before its time, and one of them came with next to no delay.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from stream.bench.figures import Figures
from stream.demo.render import render_demo
from stream.records.latencies import closing_s, opening_s, quantiles
from stream.records.schema import events
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import machine
from stream.records.store.event_log import read_events


def measure(clip: Path, out: Path, encoder: str) -> Figures:
    """Play the clip once, in real time."""
    words = [sys.executable, "-m", "stream.cli", "run", str(clip), "--pace", "realtime", "--encoder", encoder]
    subprocess.run([*words, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    layout = RunLayout(out / clip.stem, clip.stem)
    began = began_at(layout.keyframes)
    run_events = list(read_events(layout.events))
    opened = [each for each in run_events if isinstance(each, events.SegmentOpened) and opening_s(each) is not None]
    closed = [each for each in run_events if isinstance(each, events.SegmentClosed) and closing_s(each) is not None]
    return {
        "opening": _row([(each.t_start_s, each.detected_at_s, _wall(each) - began) for each in opened]),
        "closing": _row([(each.t_end_s, each.detected_at_s, _wall(each) - began) for each in closed]),
    }


def began_at(keyframes: Path) -> float:
    """When the clip's first frame was due, in seconds of the time of day.

    Raises:
        ValueError: there is no keyframe.
    """
    return min(path.stat().st_mtime - int(path.stem) / 1000 for path in keyframes.glob("*.jpg"))


def _row(edges: Sequence[tuple[float, float, float]]) -> Figures:
    """Of edges, each with its time, when it was known, and when that was on disk; all in seconds of the clip."""
    return {
        "detector": quantiles([known_s - edge_s for edge_s, known_s, _ in edges]),
        "machine": quantiles([on_disk_s - known_s for _, known_s, on_disk_s in edges]),
        "all": quantiles([on_disk_s - edge_s for edge_s, _, on_disk_s in edges]),
    }


def _wall(event: events.Event) -> float:
    return datetime.fromisoformat(event.time).timestamp()


@click.command()
@click.argument("clip", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--encoder", default="grid", show_default=True, help="As for run.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write everything here, too.")
def main(clip: Path | None, encoder: str, json_path: Path | None) -> None:
    """Play CLIP, or the demo's of 75 seconds, in real time, and say how soon its edges were known."""
    with tempfile.TemporaryDirectory(prefix="egoclean-latency-") as name:
        if clip is None:
            clip = Path(name) / "demo.mp4"
            render_demo(clip)
        rows = measure(clip, Path(name) / "runs", encoder)
    click.echo(f"{machine()['cpu']}, {machine()['cores']} cores; seconds")
    for edge, row in rows.items():
        for part, figure in row.items():
            click.echo(
                f"{edge}  {part:8}  p50 {figure['p50_s']:6.2f}  p95 {figure['p95_s']:6.2f}  of {figure['count']}"
            )
    if json_path is not None:
        json_path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

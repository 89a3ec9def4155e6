"""``egoclean-stream analyze RUN``: figures and anomalies of a run, or of a bare folder of embeddings."""

from pathlib import Path

import click

from exporters.figures import detection_plot, diagnostics
from exporters.figures.anomalies import Anomaly, write_anomalies
from exporters.figures.detection_plot import Detection, draw_detection
from exporters.figures.diagnostics import Diagnostics, draw_diagnostics
from exporters.figures.matrices import cells_of, similarity
from exporters.figures.style import figure_file, require_matplotlib
from stream.commands.analysis.clip import Clip, clips_in
from stream.commands.analysis.found import causal_anomalies, causal_track, offline_anomalies, offline_track
from stream.commands.analysis.numbers import Replay, consecutive_distances, detect_offline, replay
from stream.commands.analysis.repetition import repetition
from stream.errors import printable

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("run", type=_PATH)
@click.option("--truth", type=_PATH, help="What really happens, as truth.json.  [default: truth.json beside the clip]")
@click.option("--out", type=_PATH, help="Where the files go.  [default: RUN]")
def analyze(run: Path, truth: Path | None, out: Path | None) -> None:
    """Draw what a run found, live against offline.

    RUN is a run directory, finished or growing, or a folder with <stem>_emb.npy, <stem>_temb.npy and <stem>_ts.npy.
    Writes <stem>_diagnostics.png, <stem>_detection.png and anomalies.json.
    """
    require_matplotlib()
    out = out or run
    anomalies: list[Anomaly] = []
    for clip in clips_in(run, truth):
        out.mkdir(parents=True, exist_ok=True)
        anomalies += analyze_clip(clip, out)
    write_anomalies(out / "anomalies.json", anomalies)
    click.echo(printable(str(out / "anomalies.json")))


def analyze_clip(clip: Clip, out: Path) -> list[Anomaly]:
    """Write both figures of a clip; returns its anomalies, the causal ones first."""
    played = replay(clip.windows, clip.options)
    offline = detect_offline(clip.windows, clip.options)
    causal, afterwards = causal_anomalies(clip, played), offline_anomalies(clip, offline)
    detection = Detection(
        title=clip.title,
        t_end_s=clip.t_end_s,
        causal=causal_track(clip, played, causal),
        offline=offline_track(clip, offline, afterwards),
        truth=clip.truth,
        damaged=clip.damaged,
    )
    path = out / f"{clip.stem}_detection.png"
    with figure_file(path, *detection_plot.SIZE_IN) as figure:
        draw_detection(figure, detection)
    click.echo(printable(str(path)))
    path = out / f"{clip.stem}_diagnostics.png"
    with figure_file(path, *diagnostics.SIZE_IN) as figure:
        draw_diagnostics(figure, diagnose(clip, played))
    click.echo(printable(str(path)))
    return causal + afterwards


def diagnose(clip: Clip, played: Replay) -> Diagnostics:
    """What the diagnostics figure shows."""
    windows = clip.windows
    cells = cells_of(windows.t_s)
    return Diagnostics(
        title=clip.title,
        t_s=windows.t_s,
        distance=consecutive_distances(windows.temporal_blocks()),
        mean=similarity(windows.mean_blocks(), cells),
        temporal=similarity(windows.temporal_blocks(), cells),
        autocorrelation=repetition(clip, played),
    )

"""The rectified clips that lie beside a report."""

from collections.abc import Callable
from pathlib import Path

from exporters.dataset.clips import Renderers, picture_of
from exporters.report.run import key_of
from exporters.run_view import RunView
from stream.errors import InputError
from stream.run.cut import Cut, cut_clip
from stream.sources.run_clip import ClipFinder
from stream.video.writer import Coding

_CRF = 24.0


def video_name(run: RunView) -> str:
    """The file name of a run's video: another run, or more of the same one, has another name."""
    end_ms = round(max((segment.t_end_s for segment in run.closed), default=0.0) * 1000)
    return f"{key_of(run.stem, set())}-{run.records().run_id[:8]}-{end_ms}.mp4"


def write_video(
    run: RunView,
    folder: Path,
    finder: ClipFinder,
    longest_px: int | None,
    progress: Callable[[float], None] = lambda _: None,
) -> Path:
    """Write the video of everything that a run has closed, in H.264; a file that is there already is complete.

    A frame stands at its stream time, so the browser can play any segment of it. Half a second lies between two
    frames at which it can begin.

    Args:
        run: The run.
        folder: Where the file goes; it is created.
        finder: Finds the run's clip.
        longest_px: Longest side of the pictures; None for the clip's own.
        progress: Called with the seconds of video written so far.

    Raises:
        InputError: the clip is gone or cannot be read, or nothing is closed yet.
        OSError: the file cannot be written.
    """
    manifest = run.records()
    path = folder / video_name(run)
    if path.exists():
        return path
    if not run.closed:
        raise InputError(f"{run.layout.root}: no segment is closed yet, so there is nothing to play")
    fps = max(1, min(60, round(float(manifest.source.stream.get("fps") or 30.0))))
    source = finder.find(manifest)
    folder.mkdir(parents=True, exist_ok=True)
    cuts = [Cut(path, 0.0, max(1, int(run.closed[-1].t_end_s * fps)))]
    coding = Coding("h264", _CRF, "veryfast", gop=max(1, fps // 2), b_frames=False)
    renderers = Renderers(manifest, picture_of(run), longest_px)
    for _ in cut_clip(source, cuts, fps=fps, coding=coding, renderer_of=renderers.of, progress=progress):
        pass
    return path

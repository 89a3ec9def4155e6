"""``egoclean-stream report RUN... --out FILE``: runs as one HTML page."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from stream.commands.command import BY_SIGNAL, command
from stream.commands.option import own_option
from stream.commands.values import PathName, Whole
from stream.errors import ExitCode, UsageError, exit_code_of
from stream.ui.progress import SECONDS, progress
from stream.ui.text import count, print_line

if TYPE_CHECKING:
    from exporters.report.export import ReportResult

_PATH = PathName()
_EXAMPLES = (
    ("One run", "report runs/clip --out report.html"),
    ("All runs of a folder, with their rectified clips to play", "report runs --out report.html --video"),
    ("At most 5 MiB of pictures", "report runs --out report.html --pictures-mib 5"),
)
_CODES: Final = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.PARTIAL, ExitCode.NO_ROOM, ExitCode.INTERNAL, *BY_SIGNAL,
)  # fmt: skip


@command(examples=_EXAMPLES, exit_codes=_CODES, partial="done, but some runs could not be read", never_waits=True)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=_PATH)
@own_option("-o", "--out", type=_PATH, default=Path("report.html"), show_default=True, help="The file to write.")
@own_option("--title", default="", show_default="the clip's name", help="Title of the page.")
@own_option(
    "--pictures-mib", type=Whole(0, 1000), default=20, show_default=True, help="Most MiB of pictures in the file."
)
@own_option("--video", is_flag=True, help="Also write the rectified clips, as H.264, into a folder beside the file.")
@own_option(
    "--video-px", type=Whole(32, 16384), show_default="the clip's", help="Longest side of those videos in pixels."
)
@own_option("--annotation", metavar="NAME", show_default="the latest", help="Annotation to show.")
@own_option("--clips", type=_PATH, help="Folder to search for clips that were moved after their runs.")
def report(
    runs: tuple[Path, ...],
    *,
    out: Path,
    title: str,
    pictures_mib: int,
    video: bool,
    video_px: int | None,
    annotation: str | None,
    clips: Path | None,
) -> None:
    """Show runs as one HTML page.

    RUN is a run directory, finished or growing, or a folder of them. The page needs no server and makes no request: it
    shows the scores over time with segments and keyframes, plays segments, and lists actions, problems, costs and
    provenance. Keyframes that are no longer there are decoded again from the clip.
    """
    from exporters.report.export import ReportOptions, ReportResult, write_report
    from exporters.run_view import view_runs

    options = ReportOptions(out, title, pictures_mib * 2**20, video, video_px, clips)
    console, result = Console(), ReportResult()
    try:
        _require_file(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with progress(console, out.name, SECONDS) as job:
            write_report(view_runs(runs, result.failures, annotation), options, result, job.update)
    except OSError as error:
        if exit_code_of(error) == ExitCode.NO_ROOM:
            raise
        raise UsageError(f"--out {out}: {error.filename or out} cannot be written ({error.strerror})") from error
    sys.exit(_show(console, result, out))


def _require_file(out: Path) -> None:
    """Refuse what is there and is not a file: a folder, or a device, which the page would replace."""
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder: expected a file, such as {out / 'report.html'}")
    if out.exists() and not out.is_file():
        raise UsageError(f"--out {out} is no regular file: expected the name of one, which is replaced")


def _show(console: Console, result: "ReportResult", out: Path) -> ExitCode:
    """Say what was written; returns the exit code."""
    counted = f"{count(result.runs, 'run')}, {count(result.segments, 'segment')}"
    print_line(console, f"{out}: {counted}, {result.size_bytes / 1e6:.1f} MB")
    for where, error in result.failures:
        print_line(console, f"not shown: {where}: {error}")
    if not result.failures:
        return ExitCode.DONE
    return ExitCode.PARTIAL if result.runs else result.failures[0][1].exit_code

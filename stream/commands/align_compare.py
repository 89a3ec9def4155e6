"""``egoclean-stream align compare EPISODE ALIGNED``: pictures before and after, side by side."""

from contextlib import closing
from pathlib import Path

import click

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.picture_output import write_picture
from stream.commands.values import Choice, PathName, Whole
from stream.errors import ExitCode
from stream.ui.standard_streams import echo

_PATH = PathName()
_CODES = (ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.MODEL_MISSING, ExitCode.INTERNAL)


@command(
    examples=(
        ("Six frames, spread over the episode", "align compare episode_0.hdf5 aligned/episode_0.h5"),
        (
            "Frames of your choice, for a paper",
            "align compare episode_0.hdf5 aligned/episode_0.h5\n--frames 0,40,80 --theme light",
        ),
    ),
    exit_codes=_CODES,
)
@click.argument("episode", type=_PATH)
@click.argument("aligned", type=_PATH)
@own_option(
    "-o", "--out", type=_PATH, default=Path("compare"), show_default=True, help="Folder for the pictures; it is made."
)
@own_option(
    "--frames",
    metavar="N,N,...",
    show_default="spread over the episode",
    help="Their numbers, such as 0,40,80.",
)
@own_option("--count", type=Whole(1, 100), default=6, show_default=True, help="How many, if they are not named.")
@own_option("--theme", type=Choice(["dark", "light"]), default="dark", show_default=True, help="Colours of the sheets.")
def compare(episode: Path, aligned: Path, *, out: Path, frames: str | None, count: int, theme: str) -> None:
    """Show frames of EPISODE as they were, warped, and as they are in ALIGNED.

    EPISODE is what was aligned: an HDF5 episode, a rectified video or a run. ALIGNED is what `align` made of it: an
    HDF5 file or a folder of pictures. In the warped picture, holes have the colour of what filled them: blue stripes
    for real pixels of another frame, orange ones for generated pixels.

    The folder gets a PNG picture of each frame, and contact_sheet.png with all of them.
    """
    from stream.alignment.episodes.aligned import kept_frames, open_aligned
    from stream.alignment.frame_choice import chosen_numbers, spread
    from stream.alignment.sheets.comparison import comparison_sheet
    from stream.geometry.sheet_theme import SHEET_THEMES
    from stream.run.align import open_pictures
    from stream.run.align_compare import compared_frames, require_same_episode
    from stream.run.align_source import episode_at

    with closing(open_aligned(aligned)) as result:
        record = result.record
        with closing(open_pictures(episode_at(episode), record.source.image_key)) as source:
            require_same_episode(source, result, episode)
            numbers = spread(kept_frames(record), count) if frames is None else chosen_numbers(frames)
            compared = []
            for number, frame in compared_frames(source, result, numbers):
                compared.append(frame)
                sheet = comparison_sheet([frame], record, SHEET_THEMES[theme], is_small=False)
                write_picture(out / f"frame_{number:06d}.png", sheet)
    contact = out / "contact_sheet.png"
    write_picture(contact, comparison_sheet(compared, record, SHEET_THEMES[theme], is_small=True))
    echo(f"{contact}: frames {', '.join(map(str, numbers))} of {record.episode}, and a picture of each beside it")

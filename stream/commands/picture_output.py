"""PNG files that a command writes where the user wants them."""

from pathlib import Path

from stream.errors import ExitCode, UsageError, exit_code_of
from stream.pipeline.items import UInt8


def write_picture(path: Path, picture: UInt8) -> None:
    """Write a (H, W, 3) RGB picture as PNG; its folder is created.

    Raises:
        UsageError: it cannot be written.
    """
    from stream.geometry.frame_remap import encode_picture
    from stream.records.store.atomic import replace_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, encode_picture(picture, ".png"))
    except OSError as error:
        if exit_code_of(error) == ExitCode.NO_ROOM:
            raise
        raise UsageError(f"--out {path} cannot be written: {error.strerror}") from error

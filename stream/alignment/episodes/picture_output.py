"""An aligned episode as a folder of pictures."""

from collections.abc import Iterable
from pathlib import Path

from stream.alignment.episodes.spool import SpooledFrame
from stream.records.store.atomic import replaced_folder


def write_pictures(folder: Path, frames: Iterable[SpooledFrame]) -> None:
    """Write ``frame_000000_result.png`` and ``frame_000000_origin.png`` of each frame, numbered as in the source.

    The folder appears when it is whole.

    Raises:
        OSError: the disk is full, or fails.
    """
    with replaced_folder(folder) as part:
        for frame in frames:
            name = f"frame_{frame.facts['frame']['index']:06d}"
            (part / f"{name}_result.png").write_bytes(frame.picture)
            (part / f"{name}_origin.png").write_bytes(frame.origin)

"""What a SOURCE of ``align`` stands for: HDF5 episodes, a rectified video, or a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from stream.alignment.episodes.hdf5 import ENDINGS
from stream.errors import InputError, SourceError, UsageError
from stream.records.folders import runs_in

Kind: TypeAlias = Literal["hdf5", "video", "run"]
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"


class EpisodePlace(NamedTuple):
    """Where one episode is."""

    path: Path
    """An HDF5 file, a video, or a run directory."""
    kind: Kind


def episodes_at(source: Path) -> Sequence[EpisodePlace]:
    """The episodes that a SOURCE stands for, in the order of their names.

    Raises:
        InputError: it does not exist, or a folder holds neither episodes nor a run.
    """
    if source.is_dir():
        if runs_in(source) == [source]:
            return [EpisodePlace(source, "run")]
        return _in_folder(source)
    if not source.exists():
        raise SourceError(
            f"{source} does not exist: name an HDF5 episode, a folder of them, a rectified video or a run"
        )
    is_hdf5 = source.suffix in ENDINGS or _begins_with_signature(source)
    return [EpisodePlace(source, "hdf5" if is_hdf5 else "video")]


def episode_at(source: Path) -> EpisodePlace:
    """The only episode that a SOURCE stands for.

    Raises:
        InputError: as ``episodes_at``.
        UsageError: it holds several.
    """
    places = episodes_at(source)
    if len(places) > 1:
        raise UsageError(f"{source} holds {len(places)} episodes: name one, such as {places[0].path}")
    return places[0]


def _in_folder(folder: Path) -> Sequence[EpisodePlace]:
    paths = sorted(path for path in folder.iterdir() if path.suffix in ENDINGS and path.is_file())
    if not paths:
        raise InputError(f"{folder} holds no episode: there is no file that ends in {' or '.join(ENDINGS)}")
    by_name: dict[str, Path] = {}
    for path in paths:
        if path.stem in by_name:
            raise InputError(
                f"{by_name[path.stem].name} and {path.name} of {folder} would be written to one file: rename one"
            )
        by_name[path.stem] = path
    return [EpisodePlace(path, "hdf5") for path in paths]


def _begins_with_signature(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error

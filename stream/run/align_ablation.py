"""Finds the episodes of an ablation in three folders, and refuses raw and derived ones in one."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path

from stream.alignment.ablation import AblationEpisodes, EpisodeFile
from stream.alignment.episodes.aligned import kept_frames, open_aligned
from stream.alignment.episodes.hdf5 import RECORD, DataSetNames, Hdf5Episode, open_file
from stream.alignment.episodes.output import EpisodeOutput
from stream.errors import InputError, UsageError
from stream.run.align_source import episodes_at

OnProgress = Callable[[int, int], None]
"""Called after each file with the number of files so far and of all."""


@dataclass(frozen=True, slots=True)
class AblationFolders:
    """Where the episodes are; raw human, aligned human and robot ones."""

    raw: Path
    aligned: Path
    robot: Path
    manifests: Path
    """Where paths start from."""


@dataclass(slots=True)
class FoundEpisodes:
    """The episodes, and those that are in no arm."""

    episodes: AblationEpisodes
    unpaired: list[str] = field(default_factory=list)
    """A sentence for each human episode that exists only raw or only aligned."""


def find_episodes(
    folders: AblationFolders, image_key: str, robot_image_key: str, progress: OnProgress
) -> FoundEpisodes:
    """Read and hash all episodes.

    Raises:
        InputError: a folder or a file cannot be read, or no raw episode has an aligned one.
        UsageError: raw and derived episodes share a folder, or an episode was aligned twice.
    """
    named = (("--raw", folders.raw), ("--aligned", folders.aligned), ("--robot", folders.robot))
    _require_apart(named)
    paths = {option: _episodes(option, folder) for option, folder in named}
    total, done = sum(map(len, paths.values())), 0
    files: dict[str, list[EpisodeFile]] = {option: [] for option in paths}
    for option, those in paths.items():
        for path in those:
            key = robot_image_key if option == "--robot" else image_key
            is_aligned = option == "--aligned"
            _require_kind(path, option, is_aligned=is_aligned)
            files[option].append(_aligned(path, folders) if is_aligned else _raw(path, key, folders))
            done += 1
            progress(done, total)
    return _paired(files["--raw"], files["--aligned"], files["--robot"])


def _paired(
    raws: Sequence[EpisodeFile], aligned: Sequence[EpisodeFile], robots: Sequence[EpisodeFile]
) -> FoundEpisodes:
    by_hash = {each.sha256: each for each in raws}
    made_from: dict[str, EpisodeFile] = {}
    unpaired = []
    for each in aligned:
        source = str(each.source_sha256)
        if source in made_from:
            raise UsageError(f"{made_from[source].path} and {each.path} were made from the same episode: keep one")
        made_from[source] = each
        if source not in by_hash:
            unpaired.append(f"{each.path}: the episode that it was made from is not among the raw ones")
    unpaired += [f"{each.path}: it was not aligned" for each in raws if each.sha256 not in made_from]
    pairs = [(raw, made_from[raw.sha256]) for raw in by_hash.values() if raw.sha256 in made_from]
    if not pairs:
        raise InputError("no aligned episode was made from one of the raw ones: the hashes of their sources differ")
    return FoundEpisodes(AblationEpisodes(pairs, robots), unpaired)


def _require_apart(named: Sequence[tuple[str, Path]]) -> None:
    seen: dict[Path, str] = {}
    for option, folder in named:
        real = folder.resolve()
        if real in seen:
            raise UsageError(f"{seen[real]} and {option} are the same folder, {folder}: each kind needs one of its own")
        seen[real] = option


def _episodes(option: str, folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        raise InputError(f"{option} {folder} is no folder")
    return [each.path for each in episodes_at(folder) if each.kind == "hdf5"]


def _require_kind(path: Path, option: str, *, is_aligned: bool) -> None:
    """Raw episodes among derived ones, or the reverse, would train an arm on the wrong pictures."""
    with open_file(path) as file:
        found = RECORD in file.attrs
    if found != is_aligned:
        kind = "derived: `align` wrote it" if found else "raw: `align` did not write it"
        raise UsageError(f"{option}: {path} is {kind}, and raw and derived episodes must not share a folder")


def _raw(path: Path, image_key: str, folders: AblationFolders) -> EpisodeFile:
    with closing(Hdf5Episode(path, DataSetNames(image_key))) as episode:
        return EpisodeFile(
            path.stem,
            _from(folders.manifests, path),
            image_key,
            episode.frames,
            episode.size_bytes,
            episode.sha256(),
        )


def _aligned(path: Path, folders: AblationFolders) -> EpisodeFile:
    with closing(open_aligned(path)) as aligned:
        record = aligned.record
    beside = EpisodeOutput(path.parent, record.episode, save_h5=True).record
    if not beside.exists():
        raise InputError(f"{path} has lost its record: put {beside.name} beside it")
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return EpisodeFile(
        record.episode,
        _from(folders.manifests, path),
        str(record.options["image_key"]),
        len(kept_frames(record)),
        path.stat().st_size,
        digest,
        source_sha256=record.source.sha256,
        record=_from(folders.manifests, beside),
    )


def _from(folder: Path, path: Path) -> str:
    """The path from a folder, with forward slashes."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()

"""The state of a data set in its folder: which episodes it has, their clips, and the runs that they come from.

Everything is in ``DEST/.export``: ``export.json`` (the format and the options, fixed by the first call),
``episodes.jsonl`` and ``runs.jsonl`` (append-only; a later line about the same thing counts), and ``clips/``.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from exporters.dataset.episode import STRICT, ClipFacts, Episode
from exporters.dataset.rows import Row, RowLog, Rows
from stream.errors import InputError, UsageError
from stream.records.store.append_log import AppendLog
from stream.records.store.atomic import remove_tree, replace_file

STATE: Final = ".export"
_FLAGS: Final = MappingProxyType({"picture": "video", "longest_px": "size"})
"""Options whose flags have other names."""

ModelT = TypeVar("ModelT", bound=BaseModel)


class Header(BaseModel):
    """What all episodes of a data set have in common."""

    model_config = STRICT

    v: Literal[1] = 1
    formats: tuple[str, ...]
    fps: int
    picture: Literal["rectified", "raw"]
    longest_px: int | None
    codec: Literal["h264", "av1", "hevc"]
    crf: float
    gop: int
    longest_s: float
    val_fraction: float
    seed: int
    options: dict[str, Any] = {}
    """Of the formats."""


class RunFacts(BaseModel):
    """The origin of a run's episodes."""

    model_config = STRICT

    run_id: str
    clip: str
    source: dict[str, Any]
    lens: dict[str, Any]
    encoder: dict[str, Any]
    annotators: tuple[dict[str, Any], ...]
    detector: dict[str, Any]
    licence: str


@dataclass(frozen=True)
class DataSetFiles:
    """Paths of a data set's state."""

    folder: Path

    @property
    def header(self) -> Path:
        return self.folder / STATE / "export.json"

    @property
    def episodes(self) -> Path:
        return self.folder / STATE / "episodes.jsonl"

    @property
    def runs(self) -> Path:
        return self.folder / STATE / "runs.jsonl"

    @property
    def lock(self) -> Path:
        return self.folder / STATE / "lock"

    def clip(self, key: str) -> Path:
        """The clip of an episode."""
        return self.folder / STATE / "clips" / f"{key}.mp4"

    def facts(self, key: str) -> Path:
        """Its facts, from when it is cut until its episode is part of the data set."""
        return self.folder / STATE / "clips" / f"{key}.json"


class Store:
    """The state of one data set, open for writing; the folder is locked."""

    def __init__(self, files: DataSetFiles, header: Header) -> None:
        """Read the state; ``open_store`` creates and locks the folder."""
        self.files = files
        self.header = header
        self._log = RowLog(files.episodes)
        self._keys = {_part_of(row.episode): row.episode.key for row in self._log.rows}
        """Key of each part of a run's segment, also of those that are still to be added."""
        self._taken = set(self._keys.values())
        self._runs = {run.run_id: run for run in _read_lines(files.runs, RunFacts)}

    @property
    def rows(self) -> Rows:
        """All episodes, in the order in which they were added."""
        return self._log.rows

    @property
    def runs(self) -> tuple[RunFacts, ...]:
        """All runs, in the order in which they were added."""
        return tuple(self._runs.values())

    def own_key(self, episode: Episode) -> Episode:
        """The episode under its permanent key, which is made longer if another episode has the same one."""
        part = _part_of(episode)
        if part not in self._keys:
            longer = (f"{episode.key}-{episode.run_id[:length]}" for length in (8, len(episode.run_id)))
            self._keys[part] = next(key for key in (episode.key, *longer) if key not in self._taken)
            self._taken.add(self._keys[part])
        return episode.model_copy(update={"key": self._keys[part]})

    def is_new(self, episode: Episode) -> bool:
        """Whether the data set lacks the episode."""
        return episode.key not in self._log

    def put_rows(self, rows: Iterable[Row]) -> int:
        """Add episodes, or replace what is known of them; returns the number of lines written."""
        changed = self._log.put(rows)
        for row in changed:
            self.files.facts(row.episode.key).unlink(missing_ok=True)
        return len(changed)

    def put_run(self, run: RunFacts) -> None:
        """Add a run, or replace what is known of it."""
        if self._runs.get(run.run_id) != run:
            _append(self.files.runs, [run])
            self._runs[run.run_id] = run

    def row_of(self, key: str) -> Row:
        """The row of an episode that the data set has."""
        return self._log.row_of(key)

    def has_clip(self, episode: Episode) -> bool:
        """Whether its clip is cut."""
        return not self.is_new(episode) or self.cut_facts(episode) is not None

    def cut_facts(self, episode: Episode) -> ClipFacts | None:
        """Facts of an episode's clip that an earlier call has cut and not added; None if there is none."""
        path = self.files.facts(episode.key)
        if not (path.exists() and self.files.clip(episode.key).exists()):
            return None
        found = Row.model_validate_json(path.read_bytes())
        same = found.episode.run_id, found.episode.t_start_s, found.episode.frames
        return found.cut if same == (episode.run_id, episode.t_start_s, episode.frames) else None


def _part_of(episode: Episode) -> tuple[str, str, int]:
    return episode.run_id, episode.segment_id, episode.part


@contextmanager
def open_store(folder: Path, header: Header) -> Iterator[Store]:
    """Open a data set, or create it if the folder is new or empty.

    Raises:
        UsageError: the folder holds something else, a data set with other options, or is in use.
        InputError: its state cannot be read.
    """
    files = DataSetFiles(folder)
    try:
        if not files.header.exists():
            _begin(files, header)
        with files.lock.open("wb") as lock:
            _lock(lock.fileno(), folder)
            _require_same(folder, _read_header(files.header), header)
            for part in list(folder.rglob("*.part")):
                remove_tree(part)
            yield Store(files, header)
    except PermissionError as error:
        raise UsageError(f"--to {folder} cannot be written: {error.strerror}") from error


def read_header(folder: Path) -> Header | None:
    """The options of the data set in a folder; None if it holds none.

    Raises:
        InputError: they cannot be read.
    """
    path = DataSetFiles(folder).header
    return _read_header(path) if path.exists() else None


def _begin(files: DataSetFiles, header: Header) -> None:
    if files.folder.exists() and not files.folder.is_dir():
        raise UsageError(f"--to {files.folder} is a file: name a folder")
    if files.folder.exists() and any(path.name != STATE for path in files.folder.iterdir()):
        raise UsageError(f"--to {files.folder} is not empty and holds no export: name a new or an empty folder")
    files.clip("").parent.mkdir(parents=True, exist_ok=True)
    replace_file(files.header, header.model_dump_json(indent=1).encode() + b"\n")


def _lock(fd: int, folder: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(f"--to {folder} is in use: another export writes there") from error


def _require_same(folder: Path, there: Header, requested: Header) -> None:
    earlier, now = _flags(there), _flags(requested)
    for name, value in earlier.items():
        if now[name] != value:
            raise UsageError(f"--to {folder} holds an export with {name} {value}, not {now[name]}: name another folder")


def _flags(header: Header) -> dict[str, str]:
    """The options of a data set as the user names them."""
    values = {**header.model_dump(exclude={"v", "formats", "options"}), **header.options}
    flags = {
        _FLAGS.get(name, name.replace("_", "-")): "unset" if value is None else str(value)
        for name, value in values.items()
    }
    return {"FORMAT": ",".join(header.formats), **{f"--{name}": value for name, value in flags.items()}}


def _read_header(path: Path) -> Header:
    try:
        content = json.loads(path.read_bytes())
        if (
            isinstance(content, dict)
            and isinstance(content.get("v"), int)
            and content["v"] > Header.model_fields["v"].default
        ):
            raise InputError(f"{path} was written by a newer version of egoclean-stream: update this one")
        return Header.model_validate(content)
    except (ValueError, ValidationError) as error:
        raise InputError(f"{path} is damaged: it does not describe an export") from error


def _read_lines(path: Path, kind: type[ModelT]) -> Iterator[ModelT]:
    """The lines of a file. An incomplete last line was never added."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                raise InputError(f"{path} is damaged in line {number}: it is not a valid {kind.__name__}") from error


def _append(path: Path, items: Iterable[BaseModel]) -> None:
    content = b"\n".join(item.model_dump_json().encode() for item in items)
    if content:
        with AppendLog(path) as log:
            log.write(content)


def link(clip: Path, target: Path) -> None:
    """Give a clip a second name: a hard link where possible, else a copy. An identical file stays."""
    if target.exists() and target.samefile(clip):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        os.link(clip, part)
    except OSError:  # another file system, or one without links
        part.write_bytes(clip.read_bytes())
    part.replace(target)

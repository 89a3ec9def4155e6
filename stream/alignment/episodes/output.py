"""The files of one aligned episode, and what is refused as their place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream.errors import UsageError
from stream.records.schema.alignment import AlignmentRecord
from stream.records.schema.manifest import digest_of
from stream.records.store.versions import parsed

_OTHERWISE: Final = "choose another --output_dir, or replace it with --overwrite"


@dataclass(frozen=True, slots=True)
class EpisodeOutput:
    """Paths of one episode's results."""

    folder: Path
    episode: str
    save_h5: bool

    @property
    def pictures(self) -> Path:
        """The HDF5 file, or the folder of pictures."""
        return self.folder / (f"{self.episode}.h5" if self.save_h5 else self.episode)

    @property
    def record(self) -> Path:
        """The record; it is written last."""
        return self.folder / f"{self.episode}_alignment.json"

    @property
    def frame_records(self) -> Path:
        """A line for each frame."""
        return self.folder / f"{self.episode}_alignment_frames.jsonl"

    @property
    def spool(self) -> Path:
        """Folder of the frames of an episode that is not whole yet."""
        return self.folder / f".{self.episode}.align"

    def earlier(self, identity: Mapping[str, object]) -> AlignmentRecord | None:
        """The record of an earlier call that wrote the same; None if there is none.

        Raises:
            UsageError: the files are those of another episode, or were made with other options.
        """
        if not self.record.exists():
            if self.pictures.exists() and not self.spool.exists():
                raise UsageError(f"{self.pictures} exists already, and no record says what it is: {_OTHERWISE}")
            return None
        record = parsed(self.record, self.record.read_bytes(), AlignmentRecord.model_validate_json)
        if record.identity_sha256 != digest_of(identity) or not self.pictures.exists():
            raise UsageError(f"{self.pictures} exists already, of another episode or with other options: {_OTHERWISE}")
        return record

    def make_folder(self, source: Path) -> None:
        """Create the folder.

        Raises:
            UsageError: it holds the source, or cannot be created or written.
        """
        if self.folder.exists() and self.folder.resolve() == source.resolve().parent:
            raise UsageError(
                f"--output_dir {self.folder} is the folder of {source.name}: raw and derived pictures must not share "
                "one, so choose another"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--output_dir {self.folder} cannot be created: {error.strerror}") from error
        if not os.access(self.folder, os.W_OK):
            raise UsageError(f"--output_dir {self.folder} cannot be written: permission denied")

"""Episodes in HDF5 files, as EgoHumanoid and others write them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.depth.conversion import stored_depth
from models.packages import require_packages
from stream.alignment.episodes.coding import PictureCoding, decoded
from stream.alignment.episodes.poses import pose_of
from stream.alignment.items import SourceFrame
from stream.errors import IntrinsicsError, SourceError
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float64, UInt8

if TYPE_CHECKING:
    import h5py

ENDINGS: Final = (".h5", ".hdf5")
TIMES: Final = "camera_timestamp"
"""EgoHumanoid's data set of times: (N,) integers, nanoseconds."""
RECORD: Final = "view_alignment"
"""Attribute of an aligned episode with the record of its alignment, as JSON."""
_NAMES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class DataSetNames:
    """The data sets of an episode; None for those that are not wanted."""

    pictures: str
    depth: str | None = None
    """(N, H, W): floats in metres, or uint16 in millimetres."""
    k: str | None = None
    """(3, 3): the camera matrix, pixels."""
    poses: str | None = None
    """(N, 4, 4): world-from-camera, OpenCV's axes, metres."""
    protected: str | None = None
    """(N, H, W): boolean or uint8, not 0 where a pixel is protected."""


class Hdf5Episode:
    """An episode in an HDF5 file; one frame is in memory at a time."""

    def __init__(self, path: Path, names: DataSetNames) -> None:
        """Open the file and check all data sets that are needed.

        Raises:
            ModelUnavailableError: h5py is not installed.
            SourceError: the file cannot be read, lacks a data set, has no frames, or its data sets do not fit together.
        """
        self.path, self.name = path, path.stem
        self._file = open_file(path)
        self.size_bytes = path.stat().st_size
        try:
            self._check(names)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def sha256(self) -> str:
        """Of the file's bytes."""
        with self.path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def frames_from(self, first: int) -> Iterator[SourceFrame]:
        """The frames from number ``first`` on; what cannot be read is named in its frame."""
        for index in range(first, self.frames):
            yield self._frame(index)

    def picture(self, index: int) -> tuple[UInt8 | None, str, bytes]:
        """A frame's picture or None, what is wrong with it, and its bytes as they are stored."""
        try:
            stored = self._pictures[index]
        except OSError as error:
            return None, f"it cannot be read from the file ({error})", b""
        if self._is_raw:
            return stored, "", stored.tobytes()
        content = np.asarray(stored, np.uint8).tobytes()
        found = decoded(content)
        if found is None:
            return None, f"its {len(content)} bytes are no whole picture", content
        return found, "", content

    def _check(self, names: DataSetNames) -> None:
        if RECORD in self._file.attrs:
            raise SourceError(f"{self.path} is itself an aligned episode: give the one that it was made from")
        self._pictures = self._data_set(names.pictures, "--image_key")
        self._is_raw = _require_pictures(self._pictures, self.path)
        self.frames = len(self._pictures)
        if self.frames == 0:
            raise SourceError(f"{self.path}: data set {names.pictures} has no frames")
        self._set_size()
        self.k = self._camera_matrix(names.k) if names.k else None
        self._times = self._file[TIMES] if self._has_times() else None
        size = (self.frames, self.height_px, self.width_px)
        self._depths = self._per_frame(names.depth, "--depth_key", size, "fu") if names.depth else None
        self._poses = (
            self._per_frame(names.poses, "--camera_pose_key", (self.frames, 4, 4), "f") if names.poses else None
        )
        if self._poses is not None and all(self._pose(index) is None for index in range(self.frames)):
            raise SourceError(f"{self.path}: none of the matrices of data set {names.poses} is a rigid motion")
        self._protected = self._per_frame(names.protected, "--protect", size, "bu") if names.protected else None

    def _set_size(self) -> None:
        """The size and the coding of the first picture that can be read."""
        for index in range(self.frames):
            found, _, content = self.picture(index)
            if found is not None:
                self.height_px, self.width_px = found.shape[:2]
                self.coding = PictureCoding("raw") if self._is_raw else PictureCoding.of_file(content)
                return
        raise SourceError(f"{self.path}: none of the {self.frames} pictures of {self._pictures.name} can be read")

    def _frame(self, index: int) -> SourceFrame:
        found, problem, content = self.picture(index)
        if found is not None and found.shape[:2] != (self.height_px, self.width_px):
            height, width = found.shape[:2]
            found, problem = None, f"it is {width}x{height}, but the first picture is {self.width_px}x{self.height_px}"
        depth = is_protected = None
        try:
            depth = None if self._depths is None else stored_depth(self._depths[index])
            is_protected = None if self._protected is None else self._protected[index] != 0
        except OSError as error:
            found, problem = None, f"what belongs to it cannot be read from the file ({error})"
        return SourceFrame(
            index=index,
            picture=found,
            problem=problem,
            t_s=None if self._times is None else (int(self._times[index]) - int(self._times[0])) / 1e9,
            sha256=sha256(content).hexdigest(),
            depth=depth,
            world_from_source=self._pose(index),
            is_protected=is_protected,
        )

    def _pose(self, index: int) -> RigidPose | None:
        return None if self._poses is None else pose_of(np.asarray(self._poses[index], np.float64))

    def _has_times(self) -> bool:
        return (
            TIMES in self._file and self._file[TIMES].shape == (self.frames,) and self._file[TIMES].dtype.kind in "iu"
        )

    def _data_set(self, name: str, option: str) -> Any:  # noqa: ANN401 - h5py has no types
        import h5py

        if isinstance(found := self._file.get(name), h5py.Dataset):
            return found
        known = data_set_names(self._file)
        more = f" and {len(known) - _NAMES_SHOWN} more" if len(known) > _NAMES_SHOWN else ""
        has = f"it has {', '.join(known[:_NAMES_SHOWN])}{more}: name one with {option}" if known else "it has none"
        raise SourceError(f"{self.path} has no data set {name}; {has}")

    def _camera_matrix(self, name: str) -> Float64:
        found = np.asarray(self._data_set(name, "--intrinsics_key"))
        if found.shape != (3, 3) or found.dtype.kind != "f":
            raise IntrinsicsError(
                f"{self.path}: data set {name} is {found.dtype} {found.shape}, but a camera matrix is 3x3 floats"
            )
        return found.astype(np.float64)

    def _per_frame(self, name: str, option: str, shape: tuple[int, ...], kinds: str) -> Any:  # noqa: ANN401 - as above
        """A data set with one entry a frame, of this shape and a dtype of one of these kinds."""
        found = self._data_set(name, option)
        if found.shape != shape:
            raise SourceError(
                f"{self.path}: data set {name} is {found.shape}, but must be {shape}, as {self.frames} pictures of "
                f"{self.width_px}x{self.height_px} need it"
            )
        if found.dtype.kind not in kinds:
            raise SourceError(f"{self.path}: data set {name} holds {found.dtype}, which {option} does not take")
        return found


def open_file(path: Path) -> "h5py.File":
    """The HDF5 file, open for reading.

    Raises:
        ModelUnavailableError: h5py is not installed.
        SourceError: it is no HDF5 file, or cannot be read.
    """
    require_packages(["h5py"], extra="align")
    import h5py

    try:
        return h5py.File(path, "r")
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist: name an HDF5 episode") from error
    except OSError as error:
        what = error.strerror or "it is no HDF5 file, or was not written to its end"
        raise SourceError(f"{path} cannot be read: {what}") from error


def data_set_names(file: "h5py.File") -> Sequence[str]:
    """The paths of all data sets of a file, in order."""
    import h5py

    names: list[str] = []

    def add(name: str, found: object) -> None:
        if isinstance(found, h5py.Dataset):
            names.append(name)

    file.visititems(add)
    return names


def _require_pictures(found: Any, path: Path) -> bool:  # noqa: ANN401 - as above
    """Whether a data set holds raw pictures, not files.

    Raises:
        SourceError: it holds neither.
    """
    import h5py

    if found.ndim == 1 and h5py.check_vlen_dtype(found.dtype) == np.uint8:
        return False
    if found.ndim == 4 and found.shape[3] == 3 and found.dtype == np.uint8:
        return True
    raise SourceError(
        f"{path}: data set {found.name} is {found.dtype} {found.shape}, but pictures are (N,) of JPEG bytes, or "
        "(N, H, W, 3) uint8"
    )

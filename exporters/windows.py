"""The windows of a clip: its three arrays on disk, checked, and read a block at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stream.errors import InputError, NoWindowsError
from stream.records.schema.layout import RunLayout

Float32: TypeAlias = npt.NDArray[np.float32]
Float64: TypeAlias = npt.NDArray[np.float64]

BLOCK_VALUES: Final = 2 * 1024 * 1024
"""Numbers in one block: 8 MiB as float32, 64 windows of (32, 1024)."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The usable windows of a clip, in order of time."""

    layout: RunLayout
    t_s: Float64
    """(N,) float64 window starts, seconds; N at least 1."""
    usable: npt.NDArray[np.bool_]
    """(M,) which rows of the files these are: a vector that is zero or not finite has no direction."""

    def stored_blocks(self) -> Iterator[Float32]:
        """Mean-pooled embeddings as the encoder gave them, (n, D) float32 at a time."""
        for start, block in _blocks(self.layout.embeddings, len(self.usable)):
            yield block[self.usable[start : start + len(block)]]

    def mean_blocks(self) -> Iterator[Float32]:
        """Mean-pooled embeddings, (n, D) float32 at a time, each of length 1."""
        return self._unit_blocks(self.layout.embeddings)

    def temporal_blocks(self) -> Iterator[Float32]:
        """Temporal tokens, flattened to (n, T * D) float32 at a time, each of length 1."""
        return self._unit_blocks(self.layout.temporal)

    @property
    def stride_s(self) -> float:
        """From one window's start to the next one's; 1 s where there is only one."""
        return float(np.median(np.diff(self.t_s))) if len(self.t_s) > 1 else 1.0

    @property
    def t_end_s(self) -> float:
        """One stride after the last window's start: how far the windows speak for the clip."""
        return float(self.t_s[-1]) + self.stride_s

    @property
    def left_out(self) -> int:
        """Windows that are on disk but not usable."""
        return len(self.usable) - len(self.t_s)

    def _unit_blocks(self, path: Path) -> Iterator[Float32]:
        for start, block in _blocks(path, len(self.usable)):
            rows = block[self.usable[start : start + len(block)]]
            rows /= _lengths(rows)[:, None]
            if len(rows):
                yield rows


def stems(folder: Path) -> list[str]:
    """Clips with at least one array in a folder."""
    suffixes = ("_emb.npy", "_temb.npy", "_ts.npy")
    return sorted({path.name.removesuffix(end) for end in suffixes for path in folder.glob(f"*{end}")})


def open_windows(layout: RunLayout, *, growing: bool = False) -> Windows:
    """Check a clip's arrays and find its usable windows.

    Args:
        layout: where the arrays are.
        growing: the arrays may differ in length, because they are still written or the writer was killed;
            the windows that are in all three count.

    Raises:
        NoWindowsError: there is none yet, or the clip is shorter than one.
        InputError: an array is missing, cannot be read, is of another shape or dtype, the lengths disagree, times do
            not rise, or no window is usable.
    """
    arrays = {
        path: _open(path, ndim) for path, ndim in ((layout.embeddings, 2), (layout.temporal, 3), (layout.timestamps, 1))
    }
    count = _common_length(arrays, growing=growing)
    t_s = np.asarray(arrays[layout.timestamps][:count], dtype=np.float64)
    if not np.isfinite(t_s).all() or (np.diff(t_s) <= 0).any():
        raise InputError(f"{layout.timestamps}: window starts must be finite and rise, the one after the other")
    usable = _usable(layout.embeddings, count) & _usable(layout.temporal, count)
    if not usable.any():
        raise InputError(f"{layout.root}: none of the {count} windows of {layout.stem} is finite and not zero")
    return Windows(layout, t_s[usable], usable)


def _open(path: Path, ndim: int) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: expected <stem>_emb.npy, _temb.npy and _ts.npy together") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:  # numpy's own words advise to load it as a pickle
        raise InputError(f"{path} cannot be read as a numpy array: it is damaged") from error
    if array.ndim != ndim or array.dtype.kind != "f":
        raise InputError(
            f"{path} holds {array.dtype} {array.shape}, expected floating-point numbers in {ndim} dimensions"
        )
    return array


def _common_length(arrays: dict[Path, npt.NDArray[Any]], *, growing: bool) -> int:
    lengths = {path: len(array) for path, array in arrays.items()}
    if len(set(lengths.values())) > 1 and not growing:
        lengths_text = ", ".join(f"{path.name} has {length}" for path, length in lengths.items())
        raise InputError(f"the arrays disagree on the number of windows: {lengths_text}")
    count = min(lengths.values())
    if count == 0:
        raise NoWindowsError(f"{next(iter(lengths)).parent} holds no windows: the clip is shorter than one window")
    return count


def _usable(path: Path, count: int) -> npt.NDArray[np.bool_]:
    lengths = np.concatenate([_lengths(block) for _, block in _blocks(path, count)])
    usable: npt.NDArray[np.bool_] = np.isfinite(lengths) & (lengths > 0)
    return usable


def _lengths(rows: Float32) -> Float32:
    lengths: Float32 = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return lengths


def _blocks(path: Path, count: int) -> Iterator[tuple[int, Float32]]:
    """The first ``count`` rows, flattened, each block with its first row's number.

    The file is mapped again for each block: pages that were read are released, so that memory does not grow with
    the file.
    """
    start = 0
    while start < count:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        size = max(1, BLOCK_VALUES // max(1, rows[0].size))
        block = rows[start : min(start + size, count)]
        yield start, block.reshape(len(block), -1).astype(np.float32)
        start += len(block)

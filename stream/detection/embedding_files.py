"""Loads and validates embeddings and their times from NPY and NPZ files."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream.errors import InputError
from stream.pipeline.items import Float64

EMBEDDINGS, TIMES = "embeddings", "timestamps_s"


def load_embeddings(path: Path, times_path: Path | None) -> tuple[npt.NDArray[np.floating], Float64]:
    """Embeddings (N, D) or (N, T, D), and the starts of their N windows in ascending seconds.

    ``path`` is an NPY file, which is mapped rather than read, or an NPZ with ``embeddings`` and perhaps
    ``timestamps_s``. Times come from ``times_path`` (either kind), else from that NPZ, else they are 0, 1, 2, ...
    Raises ``InputError`` when a file cannot be read, or does not hold that.
    """
    arrays = _read(path, EMBEDDINGS)
    embeddings = arrays[EMBEDDINGS]
    if embeddings.dtype.kind != "f" or embeddings.ndim not in {2, 3} or embeddings.size == 0:
        raise InputError(
            f"the embeddings in {path} are {embeddings.dtype} of shape {embeddings.shape}, "
            "expected floating-point numbers of shape (N, D) or (N, T, D)"
        )
    if times_path:
        path, arrays = times_path, _read(times_path, TIMES)
    times_s = arrays.get(TIMES, np.arange(len(embeddings)))
    return embeddings, _checked_times(times_s, len(embeddings), path)


def _checked_times(times_s: npt.NDArray[Any], windows: int, path: Path) -> Float64:
    if times_s.dtype.kind not in "fiu" or times_s.shape != (windows,):
        raise InputError(
            f"the times in {path} are {times_s.dtype} of shape {times_s.shape}, expected one number "
            f"for each of {windows} windows"
        )
    seconds = times_s.astype(np.float64)
    bad = np.flatnonzero(~(np.diff(seconds, prepend=-np.inf) > 0) | ~np.isfinite(seconds))
    if len(bad):
        raise InputError(f"time {bad[0]} in {path} is {seconds[bad[0]]} s, expected one after the time before it")
    return seconds


def _read(path: Path, name: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays in a file by name; the array of an NPY file is called ``name``. Pickles are refused."""
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {name: loaded}
        with loaded:
            arrays = {key: value for key, value in loaded.items() if isinstance(value, np.ndarray)}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is not a whole NPY or NPZ file of plain numbers") from error
    if name not in arrays:
        raise InputError(f"{path} holds {', '.join(arrays) or 'no array'}, expected an array named {name}")
    return arrays

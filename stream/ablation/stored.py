"""Embeddings that somebody else made, from a file."""

from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from stream.ablation.series import Series
from stream.errors import InputError
from stream.items import Float64

ENDINGS = (".npz", ".npy")

_Array: TypeAlias = npt.NDArray[Any]


def stem_of(path: Path) -> str:
    """The clip's name: the file's, without what a run adds to it."""
    return path.stem.removesuffix("_temb").removesuffix("_emb")


def read_embeddings(path: Path, stride_s: float) -> Series:
    """The windows of a clip from an NPZ with ``embeddings`` and ``timestamps_s``, or from an NPY.

    Embeddings are (N, D) or (N, T, D), N at least 2. The window starts (N,), in seconds, belonging to
    ``<stem>_temb.npy`` or ``<stem>_emb.npy`` are ``<stem>_ts.npy`` beside it. Where there are none, window k starts at
    k ``stride_s``. A window is taken to be known when the next one starts, and the clip to end with the last one.

    Raises:
        InputError: the file cannot be read, or does not hold that.
    """
    vectors, times_s = _read_npz(path) if path.suffix.lower() == ".npz" else _read_npy(path)
    if vectors.ndim < 2 or len(vectors) < 2 or vectors.dtype.kind != "f":
        raise InputError(
            f"{path} holds embeddings {vectors.dtype} {vectors.shape}, expected floating-point numbers (N, D) or "
            "(N, T, D) of at least 2 windows"
        )
    starts_s = np.arange(len(vectors)) * stride_s if times_s is None else _checked(path, times_s, len(vectors))
    end_s = float(2 * starts_s[-1] - starts_s[-2])
    return Series(starts_s.tolist(), [*starts_s[1:].tolist(), end_s], tuple(vectors), end_s)


def _checked(path: Path, times_s: _Array, windows: int) -> Float64:
    if times_s.shape == (windows,) and times_s.dtype.kind in "fiu":
        starts_s = times_s.astype(np.float64)
        if np.isfinite(starts_s).all() and (np.diff(starts_s) > 0).all():
            return starts_s
    raise InputError(f"{path}: {windows} windows need as many starts in seconds, finite and rising")


def _read_npz(path: Path) -> tuple[_Array, _Array | None]:
    loaded = _load(path)
    if "embeddings" not in loaded:
        raise InputError(f"{path} has no array 'embeddings', only {', '.join(loaded) or 'nothing'}")
    return loaded["embeddings"], loaded.get("timestamps_s")


def _read_npy(path: Path) -> tuple[_Array, _Array | None]:
    beside = path.with_name(f"{stem_of(path)}_ts.npy")
    return _load(path)["array"], _load(beside)["array"] if beside.exists() else None


def _load(path: Path) -> dict[str, _Array]:
    """All arrays of a file by name, that of an NPY as ``array``."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"array": loaded}
        with loaded:
            return dict(loaded)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{path} cannot be read as numpy arrays: {error}") from error

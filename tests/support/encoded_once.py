"""Clips that this test session has encoded are copied: encoding is what most tests cost."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import numpy as np

P = ParamSpec("P")

_folders: list[Path] = []


def keep_clips_in(folder: Path) -> None:
    """Keep one copy of each clip in this folder, which several processes may share."""
    folder.mkdir(exist_ok=True)
    _folders[:] = [folder]


def encoded_once(make: Callable[Concatenate[Path, P], Path]) -> Callable[Concatenate[Path, P], Path]:
    """``make`` writes a clip to its first argument, from nothing but its other arguments and that path's ending."""

    @wraps(make)
    def make_or_copy(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> Path:
        if not _folders:
            return make(path, *args, **kwargs)
        stored = _folders[0] / f"{_digest(make.__qualname__, args, sorted(kwargs.items()))}{path.suffix}"
        if not stored.exists():
            output_path = make(stored.with_stem(f"{stored.stem}-{os.getpid()}"), *args, **kwargs)
            output_path.replace(stored)  # whole or not there, also for other processes
        shutil.copyfile(stored, path)
        return path

    return make_or_copy


def _digest(*arguments: object) -> str:
    """SHA-256 of arguments that are scalars, arrays, or sequences of them."""
    digest = hashlib.sha256()
    arrays: dict[int, bytes] = {}

    def add(value: object) -> None:
        if isinstance(value, np.ndarray):
            if id(value) not in arrays:
                array = np.ascontiguousarray(value)
                arrays[id(value)] = hashlib.sha256(f"{array.shape}{array.dtype}".encode() + array.tobytes()).digest()
            digest.update(arrays[id(value)])
        elif isinstance(value, Iterable) and not isinstance(value, str):
            digest.update(b"[")
            for each in value:
                add(each)
            digest.update(b"]")
        else:
            digest.update(repr(value).encode() + b",")

    add(arguments)
    return digest.hexdigest()

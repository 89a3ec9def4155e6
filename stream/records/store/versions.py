"""Files that a newer version of the program wrote are called newer, not damaged.

Every record has its version in the field ``v``, and a checkpoint in its first bytes. A newer one may have another shape
throughout, so it is recognised by that number alone, before anything else in it is found wrong.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from stream.errors import DamagedError, NewerVersionError
from stream.records.schema.layout import RunLayout
from stream.records.store.atomic import reading

T = TypeVar("T")

RECORD_VERSION: Final = 1
"""Of events, ``run.json``, ``health.json`` and ``series.json``."""


def parsed(path: Path, content: bytes, parse: Callable[[bytes], T]) -> T:
    """The result of ``parse`` for the content of a record, or for one line of it.

    Raises:
        NewerVersionError: a newer version wrote it.
        DamagedError: the content is not what a run writes.
    """
    try:
        with reading(path):
            return parse(content)
    except DamagedError:
        require_known_version(path, content)
        raise


def require_known_version(path: Path, content: bytes) -> None:
    """Refuse a JSON object of a newer version.

    Raises:
        NewerVersionError: its ``v`` is above ``RECORD_VERSION``.
    """
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):  # damaged, as its reader reports
        return
    found = record.get("v") if isinstance(record, dict) else None
    if isinstance(found, int) and found > RECORD_VERSION:
        raise NewerVersionError(path, found, RECORD_VERSION)


def require_readable(layout: RunLayout) -> None:
    """Refuse a run whose records a newer version wrote, whichever of them; missing and damaged ones are no matter.

    Raises:
        NewerVersionError: naming the first such file.
    """
    for path in (layout.events, layout.manifest, layout.health):
        if path.is_file():
            with path.open("rb") as file:
                require_known_version(path, file.readline() if path == layout.events else file.read())

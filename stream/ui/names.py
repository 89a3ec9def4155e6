"""Short names for runs that are shown side by side."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

_LEAST: Final = 3
"""Characters that a short name has at least, if the name has so many."""


def short_name(name: str, among: Sequence[str]) -> str:
    """The shortest end of a name, in whole words, that no other of ``among`` has; without an extension that all have.

    ``factory001_worker001_00002.mp4`` is ``00002`` among clips of that worker.
    """
    names = dict.fromkeys([name, *among])
    if len(names) == 1:
        return name
    if len({PurePath(each).suffix for each in names}) == 1:
        names = dict.fromkeys(PurePath(each).stem for each in names)
    own, *others = names
    starts = [match.start() for match in re.finditer(r"(?<![^\W_])[^\W_]", own)]
    ends = (own[start:] for start in reversed(starts))
    return next((end for end in ends if len(end) >= _LEAST and not any(each.endswith(end) for each in others)), own)

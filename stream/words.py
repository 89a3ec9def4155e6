"""Words that others wrote, made safe to show: names of clips, what stands in a sidecar, what a server answers."""

import re

_MARK = "\N{REPLACEMENT CHARACTER}"
_NOT_A_SPACE_ONLY = re.compile(r" *[^\S ]\s*")
"""White space with more in it than spaces."""


def printable(text: str) -> str:
    """The text on one line, without what a terminal would act on or what would turn round the words beside it.

    A mark stands for each control character, each mark of direction or of no width, and each half of a surrogate pair
    (Unicode's categories C, and Z but for the space).
    """
    return "".join(each if each.isprintable() else _MARK for each in _NOT_A_SPACE_ONLY.sub(" ", text))

"""How much the tests try.

The profile ``fast`` of ``make test-fast`` tries a part of it, the default profile all. Both are derandomized: every run
tries the same.
"""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")

FULL, FAST = "full", "fast"
_FAST_SHARE = 5
_FAST_MIN = 5


def register_profiles() -> None:
    """Make both profiles known, and load ``full``; ``--hypothesis-profile=fast`` replaces it."""
    for name in (FULL, FAST):
        settings.register_profile(name, deadline=None, derandomize=True)
    settings.load_profile(FULL)


def is_fast() -> bool:
    """Whether this is the profile of ``make test-fast``."""
    return settings.get_current_profile_name() == FAST


def examples(count: int = 100, *, fast: int | None = None) -> settings:
    """Try ``count`` examples; with the fast profile ``fast``, by default a fifth of them, but at least five."""
    few = fast if fast is not None else max(min(_FAST_MIN, count), tries(count))
    return settings(deadline=None, derandomize=True, max_examples=few if is_fast() else count)


def tries(count: int) -> int:
    """``count`` repetitions of something slow, or with the fast profile a fifth of them, but at least one."""
    return max(1, count // _FAST_SHARE) if is_fast() else count


def some_of(cases: Sequence[T]) -> Sequence[T]:
    """All cases, or with the fast profile every fifth."""
    return cases[::_FAST_SHARE] if is_fast() else cases

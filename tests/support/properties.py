"""How many examples the property tests try.

The profile ``fast`` of ``make test-fast`` tries a fifth of them, the default profile all. Both are derandomized: every
run tries the same ones.
"""

from hypothesis import settings

FULL, FAST = "full", "fast"
_FAST_SHARE = 5
_FAST_MIN = 10


def register_profiles() -> None:
    """Make both profiles known, and load ``full``; ``--hypothesis-profile=fast`` replaces it."""
    for name in (FULL, FAST):
        settings.register_profile(name, deadline=None, derandomize=True)
    settings.load_profile(FULL)


def examples(count: int = 100) -> settings:
    """Try ``count`` examples, or with the fast profile a fifth of them, but at least ten."""
    return settings(deadline=None, derandomize=True, max_examples=max(min(_FAST_MIN, count), tries(count)))


def tries(count: int) -> int:
    """``count`` repetitions of something slow, or with the fast profile a fifth of them, but at least one."""
    return max(1, count // _FAST_SHARE) if settings.get_current_profile_name() == FAST else count

"""What has stayed of lists that grow: a page that has an earlier version asks only for the rest."""

from bisect import bisect_right
from collections.abc import Sequence

from exporters.report.scores import curve_from, same_points
from exporters.report.view import ShownRun

LISTS = ("segments", "marks", "pictures")
"""The long lists of a run, besides its curve."""


class Growth:
    """How many of a list's first items have stayed as they were, since each of its versions."""

    def __init__(self) -> None:
        self._changes: list[tuple[int, int]] = []
        """Versions, and what each has left as it was; both ascend, because a change hides earlier ones behind it."""

    def add(self, version: int, same: int) -> None:
        """Note that ``version`` has left the first ``same`` items as they were."""
        while self._changes and self._changes[-1][1] >= same:
            self._changes.pop()
        self._changes.append((version, same))

    def same_since(self, version: int, length: int) -> int:
        """How many of the first items, of ``length`` in all, are as they were in a version."""
        place = bisect_right(self._changes, version, key=lambda change: change[0])
        return min(self._changes[place][1], length) if place < len(self._changes) else length


class RunGrowth:
    """The growth of a run's lists and of its curve."""

    def __init__(self) -> None:
        self._lists = {name: Growth() for name in (*LISTS, "points")}

    def add(self, version: int, old: ShownRun | None, new: ShownRun) -> None:
        """Note what a version of a run has changed; ``old`` is the one before, if there is one."""
        for name in LISTS:
            self._lists[name].add(version, _same_items(getattr(old, name), getattr(new, name)) if old else 0)
        self._lists["points"].add(version, same_points(old.curve, new.curve) if old else 0)

    def since(self, version: int, run: ShownRun) -> tuple[ShownRun, dict[str, int]]:
        """The newest version of a run without what is as it was in ``version``, and how many items of each list are."""
        same = {name: self._lists[name].same_since(version, len(getattr(run, name))) for name in LISTS}
        rest: dict[str, object] = {name: getattr(run, name)[same[name] :] for name in LISTS}
        if run.curve is not None:
            same["points"] = self._lists["points"].same_since(version, run.curve.points)
            rest["curve"] = curve_from(run.curve, same["points"])
        return run.model_copy(update=rest), same


def _same_items(old: Sequence[object], new: Sequence[object]) -> int:
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (a, b) in pairs if a is not b and a != b), min(len(old), len(new)))

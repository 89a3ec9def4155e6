"""The actions of an episode as spans of whole frames or milliseconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exporters.dataset.episode import Episode, EpisodeAction

IDLE: Final = "idle"
"""Text of an action in which the annotator saw no manipulation."""


@dataclass(frozen=True, slots=True)
class ActionSpan:
    """An action from ``start`` up to ``stop``, half-open."""

    start: int
    stop: int
    action: EpisodeAction

    @property
    def text(self) -> str:
        """Its subtask."""
        return self.action.subtask if self.action.active else IDLE


def action_spans(episode: Episode, units_per_s: int) -> Iterator[ActionSpan]:
    """The actions, in order of time, in whole units from the episode's start.

    None is empty, none overlaps with the one before it, and none ends after the clip.
    """
    free, end = 0, round(episode.duration_s * units_per_s)
    for action in sorted(episode.actions, key=lambda each: (each.t_start_s, each.t_end_s)):
        start = max(free, round(action.t_start_s * units_per_s))
        stop = min(end, round(action.t_end_s * units_per_s))
        if start < stop:
            yield ActionSpan(start, stop, action)
            free = stop

"""WebVTT: the words of each clip as subtitles, beside a copy of the clip that players open directly.

Source: W3C WebVTT, sections 4.1 and 6.4: a cue's text must not contain ``-->``, nor an empty line.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Episode
from exporters.dataset.store import link
from stream.records.store.atomic import replace_file

_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "})


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``KEY.vtt``, then ``KEY.mp4`` beside it: players find subtitles by the name."""
    for row in data_set.rows:
        replace_file(folder / f"{row.episode.key}.vtt", subtitles(row.episode).encode())
        link(data_set.clip(row), folder / f"{row.episode.key}.mp4")
    describe(folder, data_set, data_set.rows)


def subtitles(episode: Episode) -> str:
    """The cues of an episode: its actions, and where there are none, what the detector found."""
    cues = "\n".join(f"{_time(start)} --> {_time(end)}\n{text}\n" for start, end, text in _cues(episode))
    return f"WEBVTT\n\n{cues}"


def _cues(episode: Episode) -> Iterator[tuple[float, float, str]]:
    if not episode.actions:
        reason = f": {episode.reason}" if episode.reason else ""
        yield 0.0, episode.duration_s, escape(f"[{episode.kind}, {episode.outcome}{reason}]")
    for action in episode.actions:
        text = escape(action.subtask) if action.active else "[idle]"
        yield action.t_start_s, action.t_end_s, text or "[no words]"


def escape(text: str) -> str:
    """Text as a cue may hold it: one line, and no markup."""
    return " ".join(text.translate(_ESCAPES).split())


def _time(t_s: float) -> str:
    ms = round(t_s * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"

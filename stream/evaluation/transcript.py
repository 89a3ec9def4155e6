"""Transcripts: a line for each stretch of a clip, ``[00:01:22 - 00:01:24] what happens``."""

import re
from collections.abc import Iterator
from pathlib import Path

from stream.evaluation.text import read_text
from stream.evaluation.track import Track, described_track

_LINE = re.compile(r"\[\s*(?P<start>[^\]]+?)\s+-\s+(?P<end>[^\]]+?)\s*\]\s*(?P<text>.*)")


def read_transcript(path: Path) -> list[Track]:
    """One clip, named as the file is.

    Raises:
        InputError: if the file cannot be read, or no line of it begins with times.
    """
    return [described_track(str(path), path.stem, _lines(path))]


def _lines(path: Path) -> Iterator[tuple[str, str, str, str]]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        where = f"{path}, line {number}"
        if parts := _LINE.fullmatch(line.strip()):
            yield where, parts["start"], parts["end"], parts["text"]
        elif line.strip():
            yield where, line[:30], "", line

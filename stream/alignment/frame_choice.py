"""Some frames of an episode, chosen by number or spread over it."""

from collections.abc import Iterator, Sequence

from stream.alignment.episodes.hdf5 import Hdf5Episode
from stream.alignment.episodes.source import EpisodeSource
from stream.alignment.items import SourceFrame
from stream.errors import UsageError


def spread(among: Sequence[int], count: int) -> Sequence[int]:
    """At most ``count`` of these numbers, evenly spread, without those at the very ends."""
    if count >= len(among):
        return among
    return [among[(2 * number + 1) * len(among) // (2 * count)] for number in range(count)]


def chosen_numbers(text: str) -> Sequence[int]:
    """The numbers of ``--frames``, such as ``0,40,80``, in ascending order.

    Raises:
        UsageError: it is no list of numbers.
    """
    try:
        numbers = sorted({int(word) for word in text.split(",")})
    except ValueError as error:
        raise UsageError(f"--frames {text} is no list of frame numbers: give such as 0,40,80") from error
    if numbers[0] < 0:
        raise UsageError(f"--frames {text}: frames are numbered from 0, and {numbers[0]} is less")
    return numbers


def chosen_sources(source: EpisodeSource, numbers: Sequence[int]) -> Iterator[SourceFrame]:
    """The frames with these numbers, which ascend. A video is decoded once, from its beginning to the last of them.

    Raises:
        UsageError: the episode has fewer frames.
    """
    found = 0
    for frame in _each(source, numbers):
        found += 1
        yield frame
    if found < len(numbers):
        raise UsageError(f"--frames {numbers[found]}: {source.path} has no such frame; frames are numbered from 0")


def _each(source: EpisodeSource, numbers: Sequence[int]) -> Iterator[SourceFrame]:
    if isinstance(source, Hdf5Episode):
        for number in numbers:
            yield from _first(source.frames_from(number))
        return
    wanted = set(numbers)
    for frame in source.frames_from(numbers[0]):
        if frame.index in wanted:
            yield frame
        if frame.index >= numbers[-1]:
            return


def _first(frames: Iterator[SourceFrame]) -> Iterator[SourceFrame]:
    for frame in frames:
        yield frame
        return

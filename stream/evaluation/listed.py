"""Lists of events as JSON: ``truth.json``, and what ``egoclean-stream detect`` prints."""

import json
from pathlib import Path
from typing import NoReturn

from stream.errors import InputError
from stream.evaluation.text import read_text
from stream.evaluation.track import Row, Track, make_row


def read_json(path: Path) -> list[Track]:
    """``{stem: [segment, ...]}``, or one clip's ``[segment, ...]`` without its name.

    A segment has ``t_start_s`` and ``t_end_s``, may have ``kind`` (without it, it is anomalous) and
    ``detected_at_s``, the stream time at which its beginning was known.

    Raises:
        InputError: if the file cannot be read, is not JSON, or is not of this shape.
    """
    match _parsed(path):
        case list(segments):
            return [Track(str(path), None, _rows(str(path), segments))]
        case dict(clips) if clips:
            return [Track(str(path), stem, _rows(f"{path}, clip {stem}", clips[stem])) for stem in clips]
        case other:
            raise InputError(f"{path} holds {_name(other)}, expected a list of segments or one for each clip's name")


def _parsed(path: Path) -> object:
    text = read_text(path)
    try:
        parsed: object = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    return parsed


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _rows(where: str, segments: object) -> tuple[Row, ...]:
    if not isinstance(segments, list):
        raise InputError(f"{where}: it holds {_name(segments)}, expected a list of segments")
    return tuple(_row(f"{where}, segment {number}", segment) for number, segment in enumerate(segments, start=1))


def _row(where: str, segment: object) -> Row:
    if not isinstance(segment, dict):
        raise InputError(f"{where}: it is {_name(segment)}, expected an object with t_start_s and t_end_s")
    for key in ("t_start_s", "t_end_s"):
        if key not in segment:
            raise InputError(f"{where}: it has no {key}, only {', '.join(sorted(segment)) or 'nothing'}")
    return make_row(
        where,
        segment["t_start_s"],
        segment["t_end_s"],
        kind=segment.get("kind", "anomalous"),
        opened_at=segment.get("detected_at_s"),
    )


def _name(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")

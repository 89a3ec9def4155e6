"""ELAN: one ``KEY.eaf`` an episode, with its clip beside it, and tiers for the segment, subtasks and objects.

Source: the EAF 2.8 schema, www.mpi.nl/tools/elan/EAFv2.8.xsd. Times are milliseconds of the clip; annotations of a
tier do not overlap and are not empty.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias
from xml.etree import ElementTree as ET

from exporters.dataset.card import describe
from exporters.dataset.data_set import DataSet
from exporters.dataset.episode import Episode
from exporters.dataset.record import episode_record
from exporters.dataset.rows import Row
from exporters.dataset.spans import action_spans
from exporters.dataset.store import link
from stream.records.store.atomic import replace_file

_MS_PER_S: Final = 1000
_TIER_TYPE: Final = "default-lt"
_SCHEMA: Final = "http://www.mpi.nl/tools/elan/EAFv2.8.xsd"
_DATE: Final = "1970-01-01T00:00:00+00:00"
"""EAF requires a date. It is the same in all files, so that equal content is written as equal bytes."""
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, in no notation (section 2.2)."""

Annotation: TypeAlias = tuple[int, int, str]
"""First millisecond, the one after the last, value."""


def write(data_set: DataSet, folder: Path) -> None:
    """Write ``KEY.eaf``, then ``KEY.mp4`` beside it."""
    for root, rows in data_set.roots(folder):
        for row in rows:
            replace_file(root / f"{row.episode.key}.eaf", _document(data_set, row))
            link(data_set.clip(row), root / f"{row.episode.key}.mp4")
        describe(root, data_set, rows, tags=("elan",))


def tiers(episode: Episode) -> dict[str, list[Annotation]]:
    """The annotations of each tier, in order of time."""
    end_ms = max(1, round(episode.duration_s * _MS_PER_S))
    spans = list(action_spans(episode, _MS_PER_S))
    names = {span.start: ", ".join(dict.fromkeys(box.name for box in span.action.objects)) for span in spans}
    return {
        "segments": [(0, end_ms, episode.kind)],
        "subtasks": [(span.start, span.stop, span.text) for span in spans],
        "objects": [(span.start, span.stop, names[span.start]) for span in spans if names[span.start]],
    }


def xml_text(text: str) -> str:
    """A text without the characters that XML cannot hold."""
    return _NOT_XML.sub("", text)


def _document(data_set: DataSet, row: Row) -> bytes:
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "egoclean-stream",
            "DATE": _DATE,
            "FORMAT": "2.8",
            "VERSION": "2.8",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    found = tiers(row.episode)
    count = sum(len(annotations) for annotations in found.values())
    _add_header(root, f"./{row.episode.key}.mp4", count, json.dumps(episode_record(data_set, row)))
    slots = _add_times(root, [annotation for annotations in found.values() for annotation in annotations])
    for name, annotations in found.items():
        tier = ET.SubElement(root, "TIER", {"LINGUISTIC_TYPE_REF": _TIER_TYPE, "TIER_ID": name})
        for annotation in annotations:
            _add_annotation(tier, annotation[2], *next(slots))
    ET.SubElement(
        root,
        "LINGUISTIC_TYPE",
        {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": _TIER_TYPE, "TIME_ALIGNABLE": "true"},
    )
    ET.indent(root, " ")
    content: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content + b"\n"


def _add_header(root: ET.Element, clip: str, count: int, record: str) -> None:
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    media = {"MEDIA_URL": clip, "MIME_TYPE": "video/mp4", "RELATIVE_MEDIA_URL": clip}
    ET.SubElement(header, "MEDIA_DESCRIPTOR", media)
    ET.SubElement(header, "PROPERTY", {"NAME": "egoclean-stream"}).text = record
    ET.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"}).text = str(count)


def _add_times(root: ET.Element, annotations: list[Annotation]) -> Iterator[tuple[str, str, str]]:
    """The time slots, in order of time; returns each annotation's name, first slot and last slot.

    No two annotations share a slot: ELAN moves a slot with all that refer to it.
    """
    order = ET.SubElement(root, "TIME_ORDER")
    ends = [(t_ms, number, end) for number, each in enumerate(annotations) for end, t_ms in enumerate(each[:2])]
    slots = {}
    for place, (t_ms, number, end) in enumerate(sorted(ends), start=1):
        slots[number, end] = f"ts{place}"
        ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{place}", "TIME_VALUE": str(t_ms)})
    return ((f"a{number + 1}", slots[number, 0], slots[number, 1]) for number in range(len(annotations)))


def _add_annotation(tier: ET.Element, text: str, name: str, first: str, last: str) -> None:
    references = {"ANNOTATION_ID": name, "TIME_SLOT_REF1": first, "TIME_SLOT_REF2": last}
    outer = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", references)
    ET.SubElement(outer, "ANNOTATION_VALUE").text = xml_text(text)

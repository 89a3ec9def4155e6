"""A calibration file by its syntax: JSON, YAML or OpenCV's XML become one mapping; other text stays text."""

import codecs
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from stream.errors import IntrinsicsError

if TYPE_CHECKING:
    import yaml

_DIRECTIVE = re.compile(r"\A%YAML[^\n]*")
"""OpenCV writes ``%YAML:1.0``, which YAML's own grammar does not allow."""
_END = re.compile(r"\n---\s*\Z")
"""``rostopic echo`` writes it after each message; for YAML a second document begins there."""
_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
"""OpenCV's JSON may hold lines of comment."""
_BINARY = b"\0"
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
"""A number for YAML 1.2 and for its authors, but a string for PyYAML if it lacks the point or the sign."""
_FLOAT_TAG = "tag:yaml.org,2002:float"


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a calibration file."""

    text: str
    content: Mapping[str, object] | None
    """Of a JSON object, a YAML mapping or OpenCV's XML; None for other text."""


def parse(data: bytes) -> Document:
    """Parse a file by the syntax that it begins with.

    Raises:
        IntrinsicsError: it is binary, its syntax is broken, or a key occurs twice.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise IntrinsicsError("text in UTF-16, as Windows writes it: save it in UTF-8")
    if _BINARY in data:
        raise IntrinsicsError(
            "a binary file, which cannot be read; COLMAP's cameras.bin becomes text with "
            "`colmap model_converter --output_type TXT`"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IntrinsicsError("not text, so it is no calibration that can be read") from error
    match text.lstrip()[:1]:
        case "{" | "[" | '"' | "":
            return Document(text, _json(text))
        case "<":
            return Document(text, _xml(text))
        case _:
            return Document(text, _yaml(text))


def _json(text: str) -> Mapping[str, object]:
    try:
        content = json.loads(_COMMENT.sub("", text), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:  # not JSON, a number of 5000 digits; or nested too deeply
        raise IntrinsicsError("not JSON") from error
    if not isinstance(content, dict):
        raise IntrinsicsError("not a JSON object")
    return content


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise IntrinsicsError(f"the key {key!r} occurs twice; remove one")
        found[key] = value
    return found


def _yaml(text: str) -> Mapping[str, object] | None:
    """The mapping of a YAML file, whose tags for OpenCV's matrices are left out; None for any other text."""
    import yaml

    plain = _END.sub("", _DIRECTIVE.sub("", text.lstrip()).replace("!!opencv-matrix", ""))
    try:
        loader = yaml.SafeLoader(plain)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            return None
        _normalize(root)
        content = loader.construct_document(root)
    except (yaml.YAMLError, ValueError, RecursionError):  # also a date or a number that cannot be; nested too deeply
        return None
    return {str(key): value for key, value in content.items()}


def _normalize(root: "yaml.Node") -> None:
    """Refuse duplicate keys, which PyYAML accepts, and read numbers as YAML 1.2 does."""
    import yaml

    seen, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _unique([(str(key.value), None) for key, _ in node.value])
            waiting.extend(value for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif node.style is None and _EXPONENT.fullmatch(node.value):
            node.tag = _FLOAT_TAG


def _xml(text: str) -> Mapping[str, object]:
    """The entries of OpenCV's XML (``FileStorage``): matrices as mappings, numbers and lists of numbers as such."""
    if "<!" in text.replace("<!--", ""):
        raise IntrinsicsError("XML with a document type, which OpenCV does not write")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - it declares no entities
    except ElementTree.ParseError as error:
        raise IntrinsicsError(f"not XML: {error}") from error
    if root.tag != "opencv_storage":
        raise IntrinsicsError(f"XML with the root {root.tag[:40]!r}, but only OpenCV's, opencv_storage, can be read")
    try:
        return _unique([(entry.tag, _value(entry)) for entry in root])
    except RecursionError as error:
        raise IntrinsicsError("XML that is nested too deeply for OpenCV's") from error


def _value(entry: ElementTree.Element) -> object:
    if len(entry):
        matrix = {part.tag: _value(part) for part in entry}
        data = matrix.get("data")
        return matrix if data is None or isinstance(data, list) else {**matrix, "data": [data]}
    words = (entry.text or "").split()
    numbers = [_number(word) for word in words]
    if numbers and all(number is not None for number in numbers):
        return numbers[0] if len(numbers) == 1 else numbers
    return " ".join(words)


def _number(word: str) -> float | None:
    try:
        return int(word) if word.lstrip("+-").isdecimal() else float(word)
    except ValueError:
        return None

"""The licence of a model, as its card states it."""

from pathlib import Path
from typing import Final

import yaml

CARD: Final = "README.md"
_FENCE: Final = "---"


def licence_of(folder: Path) -> str | None:
    """The licence in the metadata of a model's card, such as ``apache-2.0``; None without a card or a licence in it.

    A licence of its own has the hub's identifier ``other`` and a name, which is returned.
    """
    try:
        lines = (folder / CARD).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    if _FENCE not in lines[1:] or lines[0] != _FENCE:
        return None
    try:
        metadata = yaml.safe_load("\n".join(lines[1 : lines.index(_FENCE, 1)]))
    except yaml.YAMLError:
        return None
    if not isinstance(metadata, dict):
        return None
    licence = metadata.get("license")
    named = metadata.get("license_name") if licence == "other" else None
    found = named or licence
    return ", ".join(map(str, found)) if isinstance(found, list) else (str(found) if found else None)

"""What an export holds, for comparisons."""

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a data set, by name, without its state."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".export" not in path.parts
    }

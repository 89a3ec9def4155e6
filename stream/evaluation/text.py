"""Reading a text file, or saying in one sentence why not."""

from pathlib import Path

from stream.errors import InputError


def read_text(path: Path) -> str:
    """The file's text, without a byte order mark.

    Raises:
        InputError: if it cannot be opened or is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: byte {error.start} is no part of a character") from error

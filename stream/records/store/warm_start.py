"""The file with which a run's detector begins, if it does not begin from nothing: ``state/warm_start.state``."""

from hashlib import sha256

from stream.errors import DamagedError
from stream.pipeline.codec import CodecError, pack, unpack
from stream.pipeline.state import State
from stream.records.schema.layout import RunLayout
from stream.records.store.atomic import replace_file


def packed(normal: State) -> bytes:
    """The detector's model of normal work, as the file holds it."""
    return pack(normal)


def digest_of_warm_start(content: bytes) -> str:
    """SHA-256 of the file."""
    return sha256(content).hexdigest()


def write_warm_start(layout: RunLayout, content: bytes) -> None:
    """Write the file durably, before the first window is scored."""
    layout.warm_start.parent.mkdir(parents=True, exist_ok=True)
    replace_file(layout.warm_start, content)


def read_warm_start(layout: RunLayout, expected_sha256: str | None) -> State | None:
    """The model with which the run's detector begins; None for a run without a warm start, whose digest is None.

    Raises:
        DamagedError: the file is missing, or is not the one that the run began with.
    """
    if expected_sha256 is None:
        return None
    try:
        content = layout.warm_start.read_bytes()
        if digest_of_warm_start(content) == expected_sha256:
            return unpack(content)
    except (OSError, CodecError) as error:
        raise DamagedError(layout.warm_start, f"it cannot be read: {error}") from error
    raise DamagedError(layout.warm_start, "it is not the file that the run began with")

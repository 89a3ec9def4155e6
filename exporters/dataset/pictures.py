"""The frames of a clip as JPEG."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stream.errors import EgocleanError

QUALITY: Final = 95


def jpegs(clip: Path) -> Iterator[bytes]:
    """The frames of a clip, in order, each as a JPEG of quality ``QUALITY``.

    Raises:
        EgocleanError: a frame cannot be compressed.
    """
    import av
    import cv2

    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            done, content = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            if not done:
                raise EgocleanError(f"a frame of {clip.name} could not be compressed as JPEG")
            yield content.tobytes()

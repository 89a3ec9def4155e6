"""Facts about a video stream, known before it is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """The facts that the container and the first picture give about the chosen stream."""

    codec: str
    width_px: int
    """Width of the decoded picture before any rotation; so is ``height_px``."""
    height_px: int
    rotation_deg: int
    """Clockwise rotation for display: 0, 90, 180 or 270 degrees. The decoded pixels are not rotated."""
    display_width_px: int
    """Width after that rotation; so is ``display_height_px``."""
    display_height_px: int
    fps: float | None
    """Nominal rate; None if unknown or implausible. Times come from each frame's own PTS, never from this."""
    time_base: str
    """Seconds per tick of the PTS, a fraction."""
    pixel_format: str
    bit_depth: int
    start_pts: int | None
    """Duration in ticks; None if the container does not state it."""
    declared_s: float | None
    """Duration by the header, seconds, which may be wrong; None if there is none or it is implausible."""
    declared_frames: int | None
    """Number of frames by the header; likewise."""

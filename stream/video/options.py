"""The options of a clip's reading, and of the windows that its frames become."""

from typing import ClassVar, Literal

from stream.records.schema.options import OptionGroup, option, switch
from stream.video.sampling import Preset


class InputOptions(OptionGroup):
    """Options for reading the source."""

    title: ClassVar[str] = "Input"

    decoder: Literal["auto", "cpu", "nvdec"] = option(
        "auto",
        "Video decoder. auto uses the GPU where its pictures equal the CPU's to the bit, so it is safe to resume a run "
        "with another decoder.",
    )
    cache_source: bool = switch("Download a remote file completely before reading it.")
    loop: bool = switch("Replay the clip endlessly, for soak tests.", identity=True)
    pace: Literal["realtime", "fast"] = option("fast", "Play in real time, as a camera would, or as fast as possible.")


class WindowOptions(OptionGroup):
    """Options of windows."""

    title: ClassVar[str] = "Windows"

    preset: Preset = option(
        "64@30", "Frames per window @ frames per second.", flag="--window", identity=True, daily=True
    )
    stride_s: float = option(
        1.0, "Seconds from the start of one window to the start of the next.", identity=True, ge=0.01, le=3600.0
    )

"""Checks of the software: Python, its packages, the decoders, and the driver of the GPU."""

import importlib.metadata
import platform
import re
import sys
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from models.packages import named
from stream.doctor.check import Finding, size
from stream.errors import EgocleanError, SourceError

_PROGRAM = "egoclean-stream"
_PYTHONS: Final = ((3, 11), (3, 13))
"""The oldest and the newest tested version."""
_TINY_PX, _TINY_FRAMES = 64, 3
_DRIVER = Path("/proc/driver/nvidia/version")


def python() -> Finding:
    """The version of Python, compared with the tested ones."""
    message = f"{platform.python_implementation()} {platform.python_version()}"
    oldest, newest = _PYTHONS
    tested = " to ".join(f"{major}.{minor}" for major, minor in _PYTHONS)
    return Finding(message, "" if oldest <= sys.version_info[:2] <= newest else f"only Python {tested} is tested")


def packages(requirements: list[str] | None = None) -> Finding:
    """The installed packages, compared with the tested versions; packages of extras may be missing.

    Args:
        requirements: As in a wheel's ``Requires-Dist`` (PEP 508); None takes those of the installed program.

    Raises:
        EgocleanError: a package that every run needs is missing.
    """
    if requirements is None:
        requirements = importlib.metadata.requires(_PROGRAM) or []
    asked = [each for each in map(Requirement, requirements) if each.name != _PROGRAM and not _is_for(each, "dev")]
    versions = {each.name: _version(each.name) for each in asked}
    missing = [each.name for each in asked if versions[each.name] is None and _is_for(each, "")]
    if missing:
        raise EgocleanError(f"{named(missing)} not installed: install egoclean-stream again")
    different = {
        f"{each.name} {version} instead of {each.specifier}": None
        for each in asked
        if (version := versions[each.name]) and not each.specifier.contains(version, prereleases=True)
    }
    if different:
        return Finding(", ".join(different), "install egoclean-stream again to get tested versions")
    return Finding(f"{sum(version is not None for version in versions.values())} as tested")


def _is_for(requirement: Requirement, extra: str) -> bool:
    """Whether the environment with this extra needs it; the base install has the extra ``""``."""
    if extra and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
        return False
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package).partition("+")[0]  # torch's 2.13.0+cpu is 2.13.0
    except importlib.metadata.PackageNotFoundError:
        return None


def hevc() -> Finding:
    """Whether HEVC can be decoded, tried on a few small pictures.

    Raises:
        SourceError: it cannot be decoded.
    """
    import av

    if "hevc" not in av.codecs_available:
        raise SourceError("this PyAV has no HEVC decoder: install the wheel from the package index")
    if "libx265" not in av.codecs_available:
        return Finding(f"PyAV {av.__version__} has the decoder, which was not tried because there is no encoder")
    decoded = _decoded_of_tiny()
    if decoded != _TINY_FRAMES:
        raise SourceError(f"PyAV's HEVC decoder gave {decoded} of {_TINY_FRAMES} pictures: install av again")
    return Finding(f"PyAV {av.__version__} decodes it ({decoded} small pictures tried)")


def _decoded_of_tiny() -> int:
    """How many of a few grey pictures are left after encoding and decoding."""
    import av
    from av.video.codeccontext import VideoCodecContext

    encoder = VideoCodecContext.create("libx265", "w")
    encoder.width = encoder.height = _TINY_PX
    encoder.pix_fmt, encoder.framerate = "yuv420p", Fraction(30)
    encoder.options = {"x265-params": "log-level=none:pools=none:frame-threads=1", "preset": "ultrafast"}
    decoder = VideoCodecContext.create("hevc", "r")
    pictures = [av.VideoFrame(_TINY_PX, _TINY_PX, "yuv420p") for _ in range(_TINY_FRAMES)]
    decoded = 0
    for picture in (*pictures, None):
        for packet in encoder.encode(picture):
            decoded += len(decoder.decode(packet))
    return decoded + len(decoder.decode(None))


def hardware_decoders() -> Finding:
    """The hardware decoders that PyAV knows, and whether that of the GPU can be opened."""
    import av
    from av.codec.hwaccel import hwdevices_available

    from stream.video.decoder import nvdec_fault

    named = sorted(name for name in av.codecs_available if name.startswith("hevc_") and "enc" not in name)
    known = ", ".join(named + sorted(hwdevices_available())) or "none"
    fault = nvdec_fault("hevc")
    return Finding(f"known to PyAV: {known}; " + (f"no NVDEC: {fault}" if fault else "NVDEC can be opened"))


def has_torch() -> bool:
    """Whether torch is installed."""
    return find_spec("torch") is not None


def gpu(*, has_weights: bool) -> Finding:
    """The GPU as torch sees it, its driver and its memory; ``has_weights``: whether the run's encoder has weights."""
    if not has_torch():
        return Finding("torch is not installed; encoders without weights do not need it")
    import torch

    if not torch.cuda.is_available():
        slow = "on a CPU this encoder needs seconds to minutes per window: use a GPU" if has_weights else ""
        return Finding(f"torch {torch.__version__} finds no GPU{_driver()}", slow)
    free, total = torch.cuda.mem_get_info()
    name = torch.cuda.get_device_name()
    return Finding(f"{name}, {size(free)} of {size(total)} free, torch {torch.__version__}{_driver()}")


def _driver() -> str:
    version = re.search(r"(\d+\.\d+(\.\d+)?)", _DRIVER.read_text()) if _DRIVER.exists() else None
    return f", NVIDIA driver {version[1]}" if version else ""

"""Python, its packages, the decoder and the GPU."""

import importlib.metadata
import platform
import re
import sys
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

from stream.doctor.check import Finding, size
from stream.errors import EgocleanError, SourceError

_PIN = re.compile(r"""^([\w.-]+)==([^;\s]+)(?:\s*;\s*extra == "(\w+)")?$""")
_TINY_PX, _TINY_FRAMES = 64, 3
_DRIVER = Path("/proc/driver/nvidia/version")


def python() -> Finding:
    """The interpreter, against the one that the project is tested with."""
    says = f"{platform.python_implementation()} {platform.python_version()}"
    return Finding(says, "" if sys.version_info[:2] == (3, 11) else "3.11 is what this is tested with")


def packages(requirements: list[str] | None = None) -> Finding:
    """What is installed, against the project's pins; an extra that is not installed at all is no fault.

    Raises:
        EgocleanError: a package that every run needs is missing.
    """
    if requirements is None:
        requirements = importlib.metadata.requires("egoclean-stream") or []
    pins = [pin.groups() for line in requirements if (pin := _PIN.match(line)) and pin[3] != "dev"]
    versions = {name: _version(name) for name, _, _ in pins}
    missing = [name for name, _, extra in pins if versions[name] is None and extra is None]
    if missing:
        raise EgocleanError(f"the Python package {', '.join(missing)} is not installed: install egoclean-stream again")
    found = [(name, pinned) for name, pinned, _ in pins if versions[name] is not None]
    other = [f"{name} {versions[name]} instead of {pinned}" for name, pinned in found if versions[name] != pinned]
    if other:
        return Finding(", ".join(other), "install egoclean-stream again, so that they are as it was tested")
    return Finding(f"{len(found)} as pinned")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package).partition("+")[0]  # torch's 2.13.0+cpu is 2.13.0
    except importlib.metadata.PackageNotFoundError:
        return None


def hevc() -> Finding:
    """Whether HEVC can be decoded, shown on a few small pictures.

    Raises:
        SourceError: it cannot.
    """
    import av

    if "hevc" not in av.codecs_available:
        raise SourceError(
            "this PyAV has no HEVC decoder: take the wheel from the package index, not a build without it"
        )
    if "libx265" not in av.codecs_available:
        return Finding(f"PyAV {av.__version__} has the decoder, and no encoder to try it with")
    decoded = _decoded_of_tiny()
    if decoded != _TINY_FRAMES:
        raise SourceError(f"PyAV's HEVC decoder gave {decoded} of {_TINY_FRAMES} pictures: install av again")
    return Finding(f"PyAV {av.__version__} decodes it, {decoded} small pictures tried")


def _decoded_of_tiny() -> int:
    """Pictures that come out when a few grey ones are encoded and decoded again."""
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
    """What PyAV could decode with besides the CPU, and whether the GPU's decoder can be opened here."""
    import av
    from av.codec.hwaccel import hwdevices_available

    from stream.video.decoder import nvdec_fault

    named = sorted(name for name in av.codecs_available if name.startswith("hevc_") and "enc" not in name)
    known = ", ".join(named + sorted(hwdevices_available())) or "none"
    fault = nvdec_fault("hevc")
    return Finding(f"known to PyAV: {known}; " + (f"no NVDEC: {fault}" if fault else "NVDEC can be opened"))


def gpu(*, has_weights: bool) -> Finding:
    """The GPU as torch sees it, its driver and its memory; ``has_weights`` of the run's encoder."""
    if find_spec("torch") is None:
        return Finding("torch is not installed; encoders without weights do not need it")
    import torch

    if not torch.cuda.is_available():
        slow = "on a CPU this encoder takes seconds to minutes for each window; use a GPU" if has_weights else ""
        return Finding(f"torch {torch.__version__} finds none{_driver()}", slow)
    free, total = torch.cuda.mem_get_info()
    name = torch.cuda.get_device_name()
    return Finding(f"{name}, {size(free)} of {size(total)} free, torch {torch.__version__}{_driver()}")


def _driver() -> str:
    version = re.search(r"(\d+\.\d+(\.\d+)?)", _DRIVER.read_text()) if _DRIVER.exists() else None
    return f", NVIDIA driver {version[1]}" if version else ""

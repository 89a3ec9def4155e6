"""Chooses the decoder of a clip: libav's own on the CPU, or the GPU's (NVDEC) through libav's hwaccel.

NVDEC has not been run yet. So it is used only if its first picture of the clip is bit-identical to the CPU's, with the
same time and the same tags: decoding H.264 and H.265 is exact by the standards.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from models.memory.gpu import find_gpu
from stream.errors import UsageError
from stream.sources.source import Source
from stream.video.container import first_picture
from stream.video.facts import StreamFacts
from stream.video.packets import THREADED_FROM_PX

if TYPE_CHECKING:
    import av
    from av.codec.hwaccel import HWAccel

DecoderOption: TypeAlias = Literal["auto", "cpu", "nvdec"]

NVDEC_FORMATS: Final = {"yuv420p": "nv12", "yuv420p10le": "p010le"}
"""What NVDEC gives for the pixel formats of the CPU's decoder that it shares."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """The decoder that was chosen."""

    name: Literal["cpu", "nvdec"]
    reason: str
    """Why it was chosen."""
    fell_back: bool = False
    """Whether NVDEC was tried and does not work here."""


class _NoNvdecError(Exception):
    """NVDEC cannot take the clip; the message says why."""


def choose_decoder(option: DecoderOption, source: Source, facts: StreamFacts) -> Decoder:
    """Settle the decoder of a clip. ``auto`` is NVDEC where that works and is of use, else the CPU, with the reason.

    Raises:
        UsageError: ``nvdec`` was requested and does not work here.
    """
    if option == "cpu":
        return Decoder("cpu", "requested")
    if source.is_live:
        if option == "nvdec":
            raise UsageError(f"--decoder nvdec cannot be tried on {source.name}, whose pictures come once: use cpu")
        return Decoder("cpu", "pictures of a live source come once, and another decoder cannot be tried on them")
    if option == "auto" and facts.width_px * facts.height_px <= THREADED_FROM_PX:
        return Decoder("cpu", f"a picture of {facts.width_px}x{facts.height_px} takes the CPU less than a millisecond")
    try:
        _try_nvdec(source, facts)
    except _NoNvdecError as error:
        if option == "nvdec":
            raise UsageError(f"--decoder nvdec cannot decode {source.name}: {error}; --decoder cpu can") from error
        return Decoder("cpu", f"no NVDEC: {error}", fell_back=True)
    return Decoder("nvdec", "its first picture is the CPU's")


def accelerator(decoder: DecoderOption, *, on_device: bool) -> "HWAccel | None":
    """The argument of ``av.open`` for ``nvdec``; None for other decoders.

    Args:
        decoder: As it was settled.
        on_device: Whether pictures stay in the GPU's memory, to be taken from there by DLPack; else they are copied to
            the host's as they come.

    A stretch that NVDEC cannot decode (4:4:4, a size beyond its limits) is decoded by libav into the host's memory.
    """
    if decoder != "nvdec":
        return None
    from av.codec.hwaccel import HWAccel

    return HWAccel("cuda", allow_software_fallback=True, is_hw_owned=on_device)


def torch_device(decoder: DecoderOption) -> str | None:
    """The torch device on which the decoder's pictures are rectified; None (CPU) without NVDEC, torch or CUDA."""
    if decoder != "nvdec" or find_spec("torch") is None:
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else None


def nvdec_fault(codec: str) -> str:
    """The reason why NVDEC cannot be opened for a codec on this machine; empty if it can."""
    import av

    accel = accelerator("nvdec", on_device=False)
    try:
        if accel is not None:
            accel.create(av.Codec(codec, "r"))
    except av.FFmpegError as error:
        if find_gpu() is None:
            return "there is no NVIDIA GPU here, or no driver for it"
        return f"CUDA's decoder cannot be opened ({error.strerror})"
    except (NotImplementedError, ValueError) as error:
        return f"this PyAV has no CUDA decoder for {codec} ({error})"
    return ""


def _try_nvdec(source: Source, facts: StreamFacts) -> None:
    """Raise unless NVDEC decodes the clip's first picture as the CPU does."""
    if facts.pixel_format not in NVDEC_FORMATS:
        raise _NoNvdecError(f"its pictures are {facts.pixel_format}, expected {' or '.join(NVDEC_FORMATS)}")
    if fault := nvdec_fault(facts.codec):
        raise _NoNvdecError(fault)
    theirs, ours = first_picture(source, accelerator("nvdec", on_device=False)), first_picture(source)
    if theirs is None or ours is None:
        raise _NoNvdecError("CUDA's decoder gives no picture of it")
    if difference := differences(ours, theirs):
        raise _NoNvdecError(f"its first picture differs from the CPU's in {', '.join(difference)}")


def differences(ours: "av.VideoFrame", theirs: "av.VideoFrame") -> list[str]:
    """The difference between NVDEC's picture, in host memory, and the CPU's; empty if they are equal."""
    same = {
        "size": (ours.width, ours.height) == (theirs.width, theirs.height),
        "pixel format": theirs.format.name == NVDEC_FORMATS.get(ours.format.name),
        "time": ours.pts == theirs.pts,
        "rotation": ours.rotation == theirs.rotation,
        "colour tags": (ours.colorspace, ours.color_range) == (theirs.colorspace, theirs.color_range),
    }
    if all(same.values()):
        planes = theirs.reformat(format=ours.format.name).to_ndarray()
        same["pixels"] = bool((planes == ours.to_ndarray()).all())
    return [name for name, is_same in same.items() if not is_same]

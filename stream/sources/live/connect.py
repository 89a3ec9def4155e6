"""Cameras that libav connects to by itself: RTSP and V4L2."""

from typing import TYPE_CHECKING

from stream.errors import SourceError, UnreachableError
from stream.sources.address import Address
from stream.sources.network import require_network

if TYPE_CHECKING:
    from av.container import InputContainer

_RTSP = {
    "rtsp_transport": "tcp",  # over UDP packets are lost, and with each the pictures up to the next key picture
    "allowed_media_types": "video",
    "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls",
    "fpsprobesize": "0",  # packets that libav waits for before it gives the first would count as late
}


def connect(camera: Address, read_timeout_s: float, decoder_options: dict[str, str]) -> "InputContainer":
    """Open a camera. When it sends nothing for ``read_timeout_s`` seconds, now or later, libav raises ``av.ExitError``.

    Args:
        camera: An RTSP address, or a device of this machine.
        read_timeout_s: The longest time without data, in seconds.
        decoder_options: Options for libav's decoder.

    Raises:
        SourceError: it cannot be read; ``UnreachableError`` if a later attempt may succeed.
        UsageError: the network is forbidden, and the camera is not on this machine.
    """
    import av

    is_device = camera.scheme == "device"
    if not is_device:
        require_network(camera.name, camera.spec)
    lasting = (
        av.HTTPBadRequestError, av.HTTPUnauthorizedError, av.HTTPForbiddenError, av.HTTPNotFoundError,
        av.ProtocolNotFoundError, av.DemuxerNotFoundError, FileNotFoundError, PermissionError,
    )  # fmt: skip
    try:
        return av.open(
            camera.spec,
            "r",
            format="v4l2" if is_device else "rtsp",
            container_options={} if is_device else _RTSP,
            options=decoder_options,
            metadata_errors="replace",
            timeout=(read_timeout_s, read_timeout_s),
        )
    except lasting as error:
        raise SourceError(f"{camera.name} cannot be read: {error.strerror}") from None  # its text holds the address
    except (av.FFmpegError, OSError) as error:
        raise UnreachableError(f"{camera.name} cannot be reached: {outage(error)}") from None


def outage(error: Exception) -> str:
    """The reason why a camera sends nothing, without its name and address, which may hold a password."""
    import av

    match error:
        case av.ExitError() | TimeoutError():
            return "it has sent nothing for too long"
        case av.FFmpegError() | OSError():
            return error.strerror or type(error).__name__
        case _:
            return str(error).rpartition(": ")[2]

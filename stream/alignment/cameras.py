"""The camera of an episode's pictures."""

from pathlib import Path

from stream.errors import IntrinsicsError, UsageError
from stream.geometry.pinhole import PinholeCamera
from stream.pipeline.items import Float64


def source_camera(file: Path | None, k: Float64 | None, size_px: tuple[int, int], episode: str) -> PinholeCamera:
    """The camera of the file, otherwise the episode's own.

    Args:
        file: ``--intrinsics``.
        k: (3, 3) what the episode says, pixels.
        size_px: Width and height of its pictures.
        episode: Its name, for messages.

    Raises:
        IntrinsicsError: the file cannot be read, is made for pictures of another size, or no camera has such values.
        UsageError: there is neither.
    """
    if file is not None:
        camera = PinholeCamera.from_file(file)
        if (camera.width_px, camera.height_px) != size_px:
            raise IntrinsicsError(
                f"intrinsics {file} are for pictures of {camera.width_px}x{camera.height_px}, but those of {episode} "
                f"are {size_px[0]}x{size_px[1]}"
            )
        return camera
    if k is None:
        raise UsageError(
            f"the camera of {episode} is not known: give it with --intrinsics FILE, or name the data set that holds "
            "its matrix with --intrinsics_key"
        )
    try:
        return PinholeCamera.from_values({"k": k.tolist(), "width": size_px[0], "height": size_px[1]})
    except IntrinsicsError as error:
        raise IntrinsicsError(f"the camera matrix of {episode}: {error}") from error

"""Cuts the clips of a run's new episodes: its source is read, decoded and rectified once."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from exporters.dataset.episode import ClipFacts, Episode
from exporters.dataset.options import Picture
from exporters.dataset.rows import Row
from exporters.dataset.store import DataSetFiles, Header
from exporters.run_view import RunView
from stream.errors import IntrinsicsError
from stream.geometry.camera import Camera, fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.full_frame import FullFrameRectifier, FullFrameRectifiers
from stream.geometry.lenses.table import intrinsics_from
from stream.geometry.viewport import coded_view
from stream.records.schema.manifest import Manifest
from stream.records.store.atomic import replace_file
from stream.run.cut import Cut, FinishedCut, Renderer, cut_clip
from stream.sources.clip import Clip
from stream.video.writer import Coding

if TYPE_CHECKING:
    import av

_CAMERA: Final = ("lens_model", "k", "d", "new_k", "fov_deg")
"""What a run records of the camera, for pictures of the clip's size."""


def cut_episodes(
    run: RunView,
    source: Clip,
    episodes: Sequence[Episode],
    files: DataSetFiles,
    header: Header,
    progress: Callable[[float], None] = lambda _: None,
) -> None:
    """Cut the clips of episodes, and write each one's facts beside it when it is whole.

    Args:
        run: The run.
        source: Its clip.
        episodes: Those whose clips are missing.
        files: Where they go.
        header: How they are coded.
        progress: Called repeatedly while the source is read, with the seconds of video written so far.

    Raises:
        InputError: the source cannot be read.
        OSError: a file cannot be written.
    """
    manifest = run.records()
    by_path = {files.clip(episode.key): episode for episode in episodes}
    cuts = [Cut(path, episode.t_start_s, episode.frames) for path, episode in by_path.items()]
    coding = Coding(header.codec, header.crf, "veryfast", gop=header.gop, b_frames=False, reproducible=True)
    renderer_of = Renderers(manifest, header.picture, header.longest_px).of
    for finished in cut_clip(source, cuts, fps=header.fps, coding=coding, renderer_of=renderer_of, progress=progress):
        episode = by_path[finished.cut.path]
        row = Row(episode=episode, cut=_facts(episode, finished))
        replace_file(files.facts(episode.key), row.model_dump_json().encode())


def lens_of(manifest: Manifest, header: Header) -> dict[str, Any]:
    """The lens, and the camera of the pictures: ``camera_matrix`` is theirs, (3, 3) in pixels of ``width_px``."""
    keyframes = "rectified" if _is_rectified(manifest) else "raw"
    calibration = {"intrinsics": manifest.intrinsics, "intrinsics_format": manifest.intrinsics_format}
    lens: dict[str, Any] = {"picture": header.picture, "keyframes": keyframes, **calibration}
    if header.picture == "raw" or "new_k" not in manifest.rectification:
        return lens
    found = manifest.rectification
    view = coded_view(found["width"], found["height"], header.longest_px)
    matrix = view.matrix @ np.asarray(found["new_k"])
    pictures = {"camera_matrix": matrix.tolist(), "width_px": view.width, "height_px": view.height}
    return lens | {name: found[name] for name in _CAMERA if name in found} | pictures


def picture_of(run: RunView) -> Picture:
    """What a run's keyframes show."""
    manifest = run.records()
    return "rectified" if manifest.intrinsics is not None and manifest.options["lens"]["rectify"] else "raw"


class Renderers:
    """The renderer of each frame: rectified or as recorded, in one size for the whole clip."""

    def __init__(self, manifest: Manifest, picture: Picture, longest_px: int | None) -> None:
        """``longest_px`` limits the longest side of the pictures; None leaves the clip's size."""
        self._manifest, self._picture, self._longest_px = manifest, picture, longest_px
        self._rectifiers: FullFrameRectifiers | None = None

    def of(self, frame: "av.VideoFrame") -> Renderer:
        frame_format = frame_format_of(frame)
        if self._rectifiers is None:
            longest_px = self._longest_px
            camera = None if self._picture == "raw" else _camera(self._manifest, frame_format.upright_size)
            first = FullFrameRectifier(frame_format, camera, longest_px)
            self._rectifiers = FullFrameRectifiers(first, camera, longest_px)
        return self._rectifiers.of(frame_format)


def _is_rectified(manifest: Manifest) -> bool:
    """Whether keyframes are rectified; as long as the run is growing, whether they are meant to be."""
    if manifest.rectification:
        return bool(manifest.rectification.get("rectified"))
    return manifest.intrinsics is not None and bool(manifest.options["lens"]["rectify"])


def _camera(manifest: Manifest, size: tuple[int, int]) -> Camera:
    lens = manifest.options["lens"]
    if manifest.intrinsics is None or not lens["rectify"]:
        raise IntrinsicsError(
            f"the run of {manifest.source.name} was not rectified: export its pictures with --video raw"
        )
    intrinsics = intrinsics_from(manifest.intrinsics)
    return fit_camera(intrinsics, *size, lens["balance"], lens["fov_scale"], lens.get("new_camera"))


def _facts(episode: Episode, finished: FinishedCut) -> ClipFacts:
    return ClipFacts(
        key=episode.key,
        frames=finished.cut.frames,
        width_px=finished.width_px,
        height_px=finished.height_px,
        repeated=finished.repeated,
        dropped=finished.dropped,
        size_bytes=finished.size_bytes,
        sha256=finished.sha256,
        rgb_histogram=finished.rgb_histogram.astype("<i8").tobytes(),
    )

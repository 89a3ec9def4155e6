"""Episodes in videos: a rectified video with its camera beside it, and the clip of a run, rectified again."""

from collections.abc import Callable, Iterator
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from stream.alignment.episodes.coding import PictureCoding, decoded
from stream.alignment.items import SourceFrame
from stream.errors import InputError, IntrinsicsError, SourceError
from stream.geometry.camera import fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.full_frame import FullFrameRectifier, FullFrameRectifiers
from stream.geometry.lenses.table import intrinsics_from
from stream.geometry.pinhole import PinholeCamera
from stream.pipeline.items import Float64, Picture, UInt8
from stream.pipeline.stage import drive
from stream.records.schema.manifest import Manifest
from stream.sources.clip import Clip
from stream.sources.run_clip import ClipFinder
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.facts import StreamFacts
from stream.video.packets import packets

if TYPE_CHECKING:
    import av

_RECTIFIED: Final = "_rectified"
"""Ending of the stems of the videos that ``rectify`` writes; the camera's file has ``_intrinsics.json`` instead."""


class VideoEpisode:
    """The frames of a clip."""

    def __init__(self, clip: Clip, name: str, to_bgr: "Callable[[av.VideoFrame], UInt8] | None" = None) -> None:
        """``to_bgr`` makes a (H, W, 3) BGR picture of a decoded frame; None leaves the frame as it is.

        Raises:
            SourceError: the clip cannot be read, or is not on this disk.
        """
        if clip.file.path is None:
            raise SourceError(f"{clip.name} is not on this disk: fetch it first, and name the copy")
        self.name = name
        self.path = clip.file.path
        self.size_bytes = clip.size_bytes
        self.k: Float64 | None = None
        self.coding = PictureCoding("jpeg")
        self._clip = clip
        self._facts = read_facts(clip)
        self.frames = self._facts.declared_frames
        self.width_px, self.height_px = self._facts.display_width_px, self._facts.display_height_px
        self._to_bgr = to_bgr or _bgr
        self.is_recorded: npt.NDArray[np.bool_] | None = None
        """(H, W) see ``SourceFrame``; set after the picture's size is known."""

    def sha256(self) -> str:
        """Of the clip's bytes."""
        with self._clip.open() as file:
            return file_digest(file, "sha256").hexdigest()

    def frames_from(self, first: int) -> Iterator[SourceFrame]:
        """The frames from number ``first`` on. What cannot be decoded has no number, as in a rectified video."""
        for index, picture in enumerate(_pictures(self._clip, self._facts)):
            if index >= first:
                bgr = self._to_bgr(picture.frame)
                yield SourceFrame(index, bgr, t_s=picture.t_s, is_recorded=self.is_recorded)

    def close(self) -> None:
        """Every reading has a file of its own."""


def rectified_video(path: Path) -> VideoEpisode:
    """A video that ``rectify`` wrote, with the camera beside it if that is there.

    Raises:
        IntrinsicsError: the camera's file is damaged.
        SourceError: the video cannot be read.
    """
    episode = VideoEpisode(open_clip(str(path)), path.stem)
    beside = path.with_name(f"{path.stem.removesuffix(_RECTIFIED)}_intrinsics.json")
    if beside.exists():
        camera = PinholeCamera.from_file(beside)
        if (camera.width_px, camera.height_px) == (episode.width_px, episode.height_px):
            episode.k = camera.k
            episode.is_recorded = _mask(beside.with_name(beside.name.replace("_intrinsics.json", "_mask.png")), camera)
    return episode


def clip_of_run(root: Path, manifest: Manifest) -> VideoEpisode:
    """The clip that a run read, rectified as the run's was.

    Raises:
        InputError: the clip is not found, or is another one.
        IntrinsicsError: the run was not rectified.
    """
    lens = manifest.options["lens"]
    if manifest.intrinsics is None or not lens["rectify"]:
        raise IntrinsicsError(f"the run in {root} was not rectified: its camera is not a pinhole that can be moved")
    clip = ClipFinder().find(manifest)
    facts = read_facts(clip)
    size = facts.display_width_px, facts.display_height_px
    camera = fit_camera(
        intrinsics_from(manifest.intrinsics), *size, lens["balance"], lens["fov_scale"], lens.get("new_camera")
    )
    first = next(_pictures(clip, facts), None)
    if first is None:
        raise InputError(f"{clip.name} has no picture that can be decoded")
    rectifier = FullFrameRectifier(frame_format_of(first.frame), camera)
    rectifiers = FullFrameRectifiers(rectifier, camera)

    def rectified(frame: "av.VideoFrame") -> UInt8:
        coded = rectifiers.of(frame_format_of(frame))(frame)
        coded.colorspace, coded.color_range = frame.colorspace, frame.color_range
        return _bgr(coded)

    episode = VideoEpisode(clip, clip.stem, rectified)
    episode.width_px, episode.height_px, episode.k = rectifier.width, rectifier.height, rectifier.matrix
    episode.is_recorded = rectifier.mask > 0
    return episode


def _pictures(clip: Clip, facts: StreamFacts) -> Iterator[Picture]:
    return (item for item in drive(Decode(clip.name, facts), packets(clip)) if isinstance(item, Picture))


def _mask(path: Path, camera: PinholeCamera) -> npt.NDArray[np.bool_] | None:
    """What the camera recorded, as ``rectify`` writes it; None if it is not there, or of another size."""
    if not path.exists():
        return None
    mask = decoded(path.read_bytes(), cv2.IMREAD_GRAYSCALE)
    return mask > 0 if mask is not None and mask.shape == (camera.height_px, camera.width_px) else None


def _bgr(frame: "av.VideoFrame") -> UInt8:
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)

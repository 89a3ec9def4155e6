"""Rectifies a clip: writes the rectified video and its pinhole camera, and nothing else."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from stream.errors import IntrinsicsError, UsageError
from stream.geometry.calibrations.chosen import chosen_calibration
from stream.geometry.calibrations.table import Calibration
from stream.geometry.camera import RectifiedView
from stream.geometry.frame_format import frame_format_of
from stream.geometry.frame_remap import lens_facts
from stream.geometry.full_frame import FullFrameRectifier, FullFrameRectifiers
from stream.geometry.lenses.presets import PresetName
from stream.pipeline.facts import SourceDamaged
from stream.pipeline.items import Picture
from stream.pipeline.stage import drive
from stream.records.store.atomic import replaced_when_whole
from stream.run.cut import EARLY_S
from stream.sources.clip import Clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.facts import StreamFacts
from stream.video.packets import packets
from stream.video.writer import Coding, Tags, VideoTiming, VideoWriter, tags_of, video_writer

if TYPE_CHECKING:
    import av

_DEFAULT_RATE = 25.0
"""For the encoder's rate control only, if the clip names no rate."""


@dataclass(frozen=True, slots=True)
class RectifyOptions:
    """The options of one rectification."""

    out: Path
    intrinsics: Path | None = None
    """None: ``intrinsics.json`` beside the clip."""
    preset: PresetName | None = None
    """An approximate lens instead."""
    view: RectifiedView = field(default_factory=RectifiedView)
    longest_px: int | None = None
    """Longest side of the pictures, at most; None: the clip's own size."""
    coding: Coding = field(default_factory=Coding)
    """Its ``gop`` follows from ``gop_s``."""
    gop_s: float = 0.5
    """Longest time from one keyframe to the next, seconds, at the clip's nominal rate."""
    t_from_s: float = 0.0
    """Stream time, seconds, from which on frames are written: the first one at or after it is the video's first."""
    t_to_s: float | None = None
    """Stream time, seconds, of the first frame that is not written any more; None: the clip's end."""
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """The files that are written for one clip."""

    folder: Path
    stem: str

    @property
    def video(self) -> Path:
        """The rectified video."""
        return self.folder / f"{self.stem}_rectified.mp4"

    @property
    def intrinsics(self) -> Path:
        """The pinhole camera of the rectified video."""
        return self.folder / f"{self.stem}_intrinsics.json"

    @property
    def mask(self) -> Path:
        """Mask of the pixels that show the scene."""
        return self.folder / f"{self.stem}_mask.png"

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.video, self.intrinsics, self.mask


@dataclass(slots=True)
class Rectified:
    """The outcome of one rectification."""

    output: Output
    frames: int = 0
    t_end_s: float = 0.0
    damage: list[SourceDamaged] = field(default_factory=list)
    already_written: bool = False
    """An earlier call wrote the same files, and nothing was done."""


OnProgress = Callable[[float], None]
"""Called after every frame with the stream time in seconds."""


def rectify(source: Clip, options: RectifyOptions, progress: OnProgress) -> Rectified:
    """Write the rectified video of a clip, its camera and its mask, unless an earlier call has.

    Frames keep their own times, from the first one on; what cannot be decoded is left out and reported. The video
    has the size and the colour tags of the clip's first frame: frames of another size, or with other tags, are
    converted. Files get their names only when they are complete, the video last.

    Raises:
        SourceError: the clip cannot be read.
        IntrinsicsError: the calibration is missing or does not fit.
        UsageError: the output exists already, cannot be created, or the encoder does not support it.
    """
    output = Output(options.out, source.stem)
    facts = read_facts(source)
    size = facts.display_width_px, facts.display_height_px
    calibration = _calibration(source, options, size)
    camera = options.view.camera(calibration.intrinsics, *size)
    done = Rectified(output)
    decode = Decode(source.name, facts)
    pictures = _part(_pictures(decode, source, done.damage), options)
    first = next(pictures, None)
    if first is None:
        decoded_s = decode.end("end_of_stream").decoded_s
        raise UsageError(f"--from {options.t_from_s:g}: {source.name} has no frame there, it ends at {decoded_s:.3f} s")
    rectified = FullFrameRectifier(frame_format_of(first.frame), camera, options.longest_px)
    lens = {"intrinsics_format": calibration.format, **lens_facts(camera)}
    description = _description(rectified, lens, source, options)
    if not options.overwrite and _is_made(output, description):
        return Rectified(output, already_written=True)
    _make_room(output, source, overwrite=options.overwrite)
    comment = f"rectified, lens: {calibration.format}" if calibration.is_approximate else ""
    with (
        replaced_when_whole(output.video) as video_part,
        replaced_when_whole(output.mask) as mask_part,
        replaced_when_whole(output.intrinsics) as intrinsics_part,
    ):
        rectifiers = FullFrameRectifiers(rectified, camera, options.longest_px)
        with _writer(video_part, rectified, tags_of(first.frame), facts, options, comment) as video:
            for picture, frame in _in_order(rectifiers, chain([first], pictures)):
                video.add(frame, picture.t_s - first.t_s)
                done.frames += 1
                done.t_end_s = picture.t_s + picture.duration_s - first.t_s
                progress(picture.t_s)
        mask_part.write_bytes(_png(rectified))
        intrinsics_part.write_bytes(description)
    return done


def _writer(
    path: Path, rectified: FullFrameRectifier, tags: Tags, facts: StreamFacts, options: RectifyOptions, comment: str
) -> AbstractContextManager[VideoWriter]:
    """A writer of such pictures, with the clip's own ticks."""
    rate = Fraction(facts.fps or _DEFAULT_RATE).limit_denominator(1_000_000)
    coding = replace(options.coding, gop=max(1, round(options.gop_s * rate)))
    timing = VideoTiming(Fraction(facts.time_base), rate)
    return video_writer(path, coding, (rectified.width, rectified.height), tags, timing, comment)


def _calibration(source: Clip, options: RectifyOptions, size: tuple[int, int]) -> Calibration:
    calibration = chosen_calibration(options.preset, options.intrinsics, source.intrinsics_path(), size)
    if calibration is None:
        raise IntrinsicsError(
            f"there is no intrinsics.json beside {source.file.name}: name the lens's calibration with --intrinsics "
            "FILE, or take an approximate one with --lens"
        )
    return calibration


def _part(pictures: Iterator[Picture], options: RectifyOptions) -> Iterator[Picture]:
    """The pictures in the part of the clip that is asked for; a time in milliseconds may be that of a frame."""
    for picture in pictures:
        if options.t_to_s is not None and picture.t_s > options.t_to_s - EARLY_S:
            return
        if picture.t_s > options.t_from_s - EARLY_S:
            yield picture


def _is_made(output: Output, description: bytes) -> bool:
    """Whether an earlier call has written all files, for the same clip with the same options."""
    there = all(path.is_file() and os.access(path, os.R_OK) for path in output.files)
    return there and output.intrinsics.read_bytes() == description


def _make_room(output: Output, source: Clip, *, overwrite: bool) -> None:
    there = [path for path in output.files if path.exists()]
    if there and not overwrite:
        raise UsageError(
            f"{there[0]} exists already, for another clip or with other options: "
            "give another --out, or replace it with --overwrite"
        )
    if source.file.path and any(path.samefile(source.file.path) for path in there):
        raise UsageError(f"{source.file.name} would be overwritten by the rectified video: choose another --out")
    try:
        output.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {output.folder} cannot be created: {error.strerror}") from error
    if not os.access(output.folder, os.W_OK):
        raise UsageError(f"--out {output.folder} cannot be written: permission denied")


def _pictures(decode: Decode, source: Clip, damage: list[SourceDamaged]) -> Iterator[Picture]:
    """The clip's pictures; damage between them is appended to ``damage``."""
    for item in drive(decode, packets(source)):
        if isinstance(item, Picture):
            yield item
        elif isinstance(item, SourceDamaged):
            damage.append(item)


def _in_order(
    rectifiers: FullFrameRectifiers, pictures: Iterable[Picture]
) -> "Iterator[tuple[Picture, av.VideoFrame]]":
    """Rectify on all cores, at most two pictures a core at once; yields results in the order of the pictures."""
    cores = len(os.sched_getaffinity(0))
    under_way: deque[tuple[Picture, Future[av.VideoFrame]]] = deque()
    with ThreadPoolExecutor(cores, "rectify") as pool:
        for picture in pictures:
            rectifier = rectifiers.of(frame_format_of(picture.frame))
            under_way.append((picture, pool.submit(rectifier, picture.frame)))
            if len(under_way) == 2 * cores:
                done, frame = under_way.popleft()
                yield done, frame.result()
        for done, frame in under_way:
            yield done, frame.result()


def _png(rectified: FullFrameRectifier) -> bytes:
    _, data = cv2.imencode(".png", rectified.mask)
    return data.tobytes()


def _description(rectified: FullFrameRectifier, lens: dict[str, Any], source: Clip, options: RectifyOptions) -> bytes:
    """The pinhole camera, with the keys of a calibration, and how it was made; ``lens`` is the clip's."""
    matrix, layout = rectified.matrix, rectified.frame_format
    clip = {"name": source.name, "size_bytes": source.size_bytes}
    seen = {"pixel_format": layout.pixel_format, "rotation_deg": layout.rotation_deg, **lens}
    content = {
        "model": "pinhole",
        "image_width": rectified.width,
        "image_height": rectified.height,
        "fx": float(matrix[0, 0]),
        "fy": float(matrix[1, 1]),
        "cx": float(matrix[0, 2]),
        "cy": float(matrix[1, 2]),
        "valid_fraction": rectified.valid_fraction,
        **options.view.facts(),
        "pixel_format": "yuv420p",
        "coding": {**asdict(options.coding), "gop_s": options.gop_s},
        "t_from_s": options.t_from_s,
        "t_to_s": options.t_to_s,
        "source": {**clip, **seen},
    }
    return (json.dumps(content, indent=1) + "\n").encode()

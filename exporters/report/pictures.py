"""The keyframes that a report holds: as many and as large as its share of the file allows."""

import base64
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporters.report.view import ReportPicture, ShownRun, ShownSegment
from stream.records.store.keyframes import in_ms

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

QUALITY: Final = 76
"""Of the JPEGs."""
_ACTIONS_MAX: Final = 6
"""Actions of a segment whose own keyframe is shown, where there are more frames than one."""
_SAMPLE: Final = 24
"""Pictures that are compressed to estimate the size of all."""


@dataclass(frozen=True, slots=True)
class PicturePlan:
    """How many pictures, and how large."""

    frames: int
    """Of a segment, at most."""
    longest_px: int


PLANS: Final = tuple(
    PicturePlan(*plan)
    for plan in (
        (60, 480), (30, 480), (16, 480), (12, 400), (8, 400), (6, 400), (6, 320), (4, 320), (4, 256), (3, 256),
        (3, 208), (2, 208), (2, 176), (1, 240), (1, 208), (1, 176), (1, 144), (1, 112),
    )
)  # fmt: skip
"""From the best to the smallest."""


@dataclass(frozen=True, slots=True)
class KeyframeFile:
    """One picture that a report wants."""

    run: int
    """Number of the run in the report."""
    t_ms: int
    path: Path
    width_px: int
    """Of the file; 0 if it is not known."""


def keyframe_times(folder: Path) -> list[int]:
    """The times of a run's keyframes that are on disk, milliseconds, ascending."""
    return sorted(int(path.stem) for path in folder.glob("*.jpg") if path.stem.isdecimal())


def wanted_times(segment: ShownSegment, times_ms: Sequence[int], frames: int) -> list[int]:
    """The keyframes of a segment to show: those that have its actions' boxes, and others at even distances.

    Args:
        segment: The segment.
        times_ms: Of all keyframes of its run, ascending.
        frames: How many, at most.
    """
    first, end = (bisect_left(times_ms, in_ms(t_s)) for t_s in (segment.t_start_s, segment.t_end_s))
    own = times_ms[first:end]
    if len(own) <= frames:
        return list(own)
    if frames == 1:
        return [own[len(own) // 2]]
    boxes_s = [action.boxes_s for action in segment.actions if action.objects][: min(_ACTIONS_MAX, frames - 1)]
    chosen = {min(own, key=lambda t_ms: abs(t_ms - t_s * 1000)) for t_s in boxes_s}
    chosen |= {own[round(place * (len(own) - 1) / (frames - 1))] for place in range(frames)}
    return sorted(chosen)[: frames + _ACTIONS_MAX]


def planned_files(
    runs: Sequence[ShownRun], folders: Sequence[Path], times_ms: Sequence[Sequence[int]], frames: int
) -> list[KeyframeFile]:
    """The keyframes of all segments of all runs, with at most so many a segment."""
    return [
        KeyframeFile(number, t_ms, folder / f"{t_ms:010d}.jpg", segment.keyframe_px[0])
        for number, (run, folder, times) in enumerate(zip(runs, folders, times_ms, strict=True))
        for segment in run.segments
        for t_ms in wanted_times(segment, times, frames)
    ]


def choose_plan(
    runs: Sequence[ShownRun], folders: Sequence[Path], times_ms: Sequence[Sequence[int]], budget_bytes: int
) -> PicturePlan:
    """The best plan whose pictures fit into ``budget_bytes`` of text, estimated from a sample."""
    sizes: dict[int, float] = {}
    for plan in PLANS:
        files = planned_files(runs, folders, times_ms, plan.frames)
        if not files:
            return plan
        if plan.longest_px not in sizes:
            sample = files[:: max(1, len(files) // _SAMPLE)][:_SAMPLE]
            lengths = [len(jpeg) for each in sample if (jpeg := shrunk_file(each, plan.longest_px))]
            sizes[plan.longest_px] = sum(lengths) / max(1, len(lengths))
        if len(files) * sizes[plan.longest_px] * 4 / 3 <= budget_bytes:
            return plan
    return PLANS[-1]


def embedded(files: Sequence[KeyframeFile], longest_px: int, budget_bytes: int) -> Iterator[tuple[int, ReportPicture]]:
    """The pictures as data URLs, each with the number of its run; what no longer fits or is gone is left out."""
    left = budget_bytes
    with ThreadPoolExecutor(thread_name_prefix="pictures") as pool:
        for each, jpeg in zip(files, pool.map(lambda file: shrunk_file(file, longest_px), files), strict=True):
            if jpeg is None:
                continue
            src = data_url(jpeg)
            left -= len(src)
            if left >= 0:
                yield each.run, ReportPicture(t_s=each.t_ms / 1000, src=src)


def shrunk_file(file: KeyframeFile, longest_px: int) -> bytes | None:
    """A keyframe as a JPEG with sides of at most ``longest_px``; None if it is gone, damaged or unreadable."""
    import cv2
    import numpy as np

    reduced = cv2.IMREAD_COLOR
    if file.width_px >= 4 * longest_px:
        reduced = cv2.IMREAD_REDUCED_COLOR_4
    elif file.width_px >= 2 * longest_px:
        reduced = cv2.IMREAD_REDUCED_COLOR_2
    try:
        content = file.path.read_bytes()
    except OSError:  # a run that is being described removes its keyframes
        return None
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), reduced) if content else None
    return None if picture is None else shrunk_picture(np.asarray(picture, np.uint8), longest_px)


def shrunk_picture(bgr: "npt.NDArray[np.uint8]", longest_px: int) -> bytes | None:
    """An (H, W, 3) uint8 BGR picture as a JPEG with sides of at most ``longest_px``; None if it cannot be one."""
    import cv2

    height, width = bgr.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = bgr if scale == 1.0 else cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    done, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return content.tobytes() if done else None


def data_url(jpeg: bytes) -> str:
    """A JPEG as an address that needs no request."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"

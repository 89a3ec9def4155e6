"""The lineage of a frame as lines of text."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from stream.alignment.lineage import Lineage
from stream.geometry.pose import RigidPose
from stream.records.schema.alignment import AlignmentRecord, ModelRecord

_LABEL_WIDTH: Final = 14
_FRAMES_SHOWN: Final = 12


def lines_of(found: Lineage) -> Iterator[str]:
    """One line a fact."""
    record, frame = found.record, found.frame
    source = record.source
    key = "" if source.image_key is None else f", data set {source.image_key}"
    run = "" if source.run_id is None else f", by the run {source.run_id}"
    time = "" if frame.t_s is None else f" at {frame.t_s:.3f} s"
    source_hash = "" if frame.source_sha256 is None else f", SHA-256 {frame.source_sha256}"
    yield f"{found.picture}: {record.output_type}"
    yield _line("source", f"{source.file}, {source.size_bytes:,} bytes, SHA-256 {source.sha256}{key}{run}")
    yield _line("source frame", f"{frame.index}{time}{source_hash}")
    yield _line("picture", f"SHA-256 {found.picture_sha256}, {_as_recorded(found.has_recorded_picture)}")
    yield _line("camera", _camera(record))
    yield _line("pose", _pose(record))
    yield _line("depth", _depth(record))
    yield _line("fill", _fill(record))
    yield _line("pixels", f"{_pixels(found)}, {_as_recorded(found.has_recorded_origins)}")
    if frame.status == "failed":
        yield _line("failed", frame.problem)
    if frame.protected_lost_share is not None:
        flag = ", flagged" if frame.is_flagged else ""
        yield _line("protected", f"{frame.protected_lost_share:.2%} of {frame.protected_px:,} pixels lost{flag}")
    for each in record.rights:
        yield _line("licence", f"{each.part} {each.name}: {each.licence or 'not known'}")


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}}{text}"


def _as_recorded(is_same: bool) -> str:  # noqa: FBT001 - the word for a truth value
    return "as recorded" if is_same else "NOT as recorded"


def _camera(record: AlignmentRecord) -> str:
    view, target = record.viewpoint, record.target_camera
    size = f"{target.width_px}x{target.height_px} pixels"
    if view.trajectory is None or view.movement_distance_m is None:
        return f"by --pose, {size}"
    noise = f", noise {view.drawn_noise_m:+.4f} m drawn with the seed {view.seed}" if view.drawn_noise_m else ""
    return f"moved {view.trajectory} by {view.movement_distance_m:g} m{noise}, {size}"


def _pose(record: AlignmentRecord) -> str:
    pose = RigidPose.from_matrix(record.viewpoint.target_from_source)
    x, y, z = np.round(pose.inverse().translation_m, 6) + 0.0
    return f"camera at x {x:g}, y {y:g}, z {z:g} m of the source camera, turned by {pose.angle_deg:.4f} degrees"


def _depth(record: AlignmentRecord) -> str:
    depth = record.depth
    unit = "no frame has depth" if depth.unit is None else {"metre": "in metres"}.get(depth.unit, "relative")
    scale = "" if depth.metres_per_unit is None else f", {depth.metres_per_unit:g} m a unit"
    same = ", one scale for all frames" if depth.is_made_consistent else ""
    return f"{_model(depth.model) if depth.model else f'data set {depth.data_set}'}, {unit}{scale}{same}"


def _fill(record: AlignmentRecord) -> str:
    fill = record.fill
    around = f"frames {', '.join(f'{each:+d}' for each in fill.lenders)} were asked, then " if fill.lenders else ""
    prompt = f", prompt {fill.prompt!r}" if fill.prompt else ""
    return f"{around}{_model(fill.inpainter) if fill.inpainter else 'push-pull'}{prompt}"


def _model(model: ModelRecord) -> str:
    revision = f" at {model.revision}" if model.revision else ""
    weights = f", weights SHA-256 {model.sha256}" if model.sha256 else ""
    return f"{model.name}{revision}{weights}"


def _pixels(found: Lineage) -> str:
    lenders = f" from {_frames(found.frame.borrowed_from)}" if found.frame.borrowed_from else ""
    return (
        f"{found.real_share:.2%} real, {found.borrowed_share:.2%} borrowed{lenders}, "
        f"{found.generated_share:.2%} generated"
    )


def _frames(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - _FRAMES_SHOWN} more" if len(numbers) > _FRAMES_SHOWN else ""
    return f"frame{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers[:_FRAMES_SHOWN]))}{more}"

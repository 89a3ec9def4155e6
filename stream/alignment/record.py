"""The record of an aligned episode, from its frames."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from models.depth.depth import DepthUnit, ModelFacts
from stream.alignment.options import AlignOptions
from stream.alignment.viewpoint import Viewpoint
from stream.geometry.pinhole import PinholeCamera
from stream.records.schema.alignment import (
    AlignedFrameRecord,
    AlignmentRecord,
    AlignmentSource,
    CameraRecord,
    DepthRecord,
    FillRecord,
    FrameProblem,
    ModelRecord,
    ProtectionRecord,
    RightsRecord,
    ViewpointRecord,
)
from stream.records.schema.manifest import digest_of, packages


@dataclass(frozen=True, slots=True)
class AlignmentWork:
    """What an episode is aligned with; all of it is known before the first frame."""

    episode: str
    source: AlignmentSource
    options: AlignOptions
    cameras: tuple[PinholeCamera, PinholeCamera]
    """Source and target."""
    viewpoint: Viewpoint
    depth_model: ModelFacts | None
    inpainter: ModelFacts | None
    lenders: tuple[int, ...]
    """The frames that may lend pixels to one, counted from it, in the order in which they are asked."""
    lost_share_max: float

    def frame_identity(self) -> dict[str, object]:
        """What decides each frame: all but what becomes of those that are flagged, and the rights."""
        return {name: value for name, value in self.identity().items() if name not in ("on_violation", "licence")}

    def identity(self) -> dict[str, object]:
        """What decides the files, as JSON values."""
        return {
            "source": self.source.model_dump(mode="json"),
            "source camera": _camera(self.cameras[0]).model_dump(mode="json"),
            "target camera": _camera(self.cameras[1]).model_dump(mode="json"),
            "pose": self.viewpoint.target_from_source.matrix.tolist(),
            "depth model": _facts(self.depth_model),
            "inpaint model": _facts(self.inpainter),
            "lenders": list(self.lenders),
            **self.options.deciding(),
        }


@dataclass(slots=True)
class FrameTotals:
    """Sums over an episode's frames."""

    frames: int = 0
    aligned: int = 0
    shares: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    """Real, borrowed and generated, summed over the aligned frames."""
    protected_px: int = 0
    lost_px: float = 0.0
    failed: list[FrameProblem] = field(default_factory=list)
    flagged: list[int] = field(default_factory=list)

    def add(self, frame: AlignedFrameRecord) -> None:
        """Count a frame."""
        self.frames += 1
        if frame.status == "failed":
            self.failed.append(FrameProblem(index=frame.index, problem=frame.problem))
            return
        self.aligned += 1
        for number, share in enumerate((frame.real_share, frame.borrowed_share, frame.generated_share)):
            self.shares[number] += share
        if frame.protected_px and frame.protected_lost_share is not None:
            self.protected_px += frame.protected_px
            self.lost_px += frame.protected_px * frame.protected_lost_share
        if frame.is_flagged:
            self.flagged.append(frame.index)

    @classmethod
    def of(cls, frames: Iterable[AlignedFrameRecord]) -> "FrameTotals":
        """Those of all frames."""
        totals = cls()
        for frame in frames:
            totals.add(frame)
        return totals


def alignment_record(work: AlignmentWork, totals: FrameTotals, unit: DepthUnit | None, output: str) -> AlignmentRecord:
    """The record of a finished episode; ``output`` is the name of its file or folder."""
    options = work.options
    drops = options.on_violation == "drop"
    real, borrowed, generated = (each / totals.aligned if totals.aligned else None for each in totals.shares)
    return AlignmentRecord(
        episode=work.episode,
        source=work.source,
        output=output,
        source_camera=_camera(work.cameras[0]),
        target_camera=_camera(work.cameras[1]),
        viewpoint=_viewpoint(work),
        depth=DepthRecord(
            data_set=options.depth_key,
            model=_model(work.depth_model),
            unit=unit,
            is_made_consistent=work.depth_model is not None,
            metres_per_unit=options.depth_scale,
        ),
        fill=FillRecord(lenders=list(work.lenders), inpainter=_model(work.inpainter), prompt=options.prompt),
        protection=_protection(work, totals),
        frames=totals.frames,
        real_share=real,
        borrowed_share=borrowed,
        generated_share=generated,
        failed_frames=totals.failed,
        flagged_frames=totals.flagged,
        dropped_frames=totals.flagged if drops else [],
        rights=list(_rights(work)),
        options=options.deciding(),
        identity_sha256=digest_of(work.identity()),
        packages=packages(),
    )


def _viewpoint(work: AlignmentWork) -> ViewpointRecord:
    options, moves = work.options, work.options.pose is None
    return ViewpointRecord(
        trajectory=options.trajectory if moves else None,
        movement_distance_m=options.movement_distance_m if moves else None,
        movement_distance_noise_m=options.movement_distance_noise_m if moves else None,
        drawn_noise_m=work.viewpoint.noise_m,
        seed=options.seed,
        target_from_source=work.viewpoint.target_from_source.matrix.tolist(),
    )


def _protection(work: AlignmentWork, totals: FrameTotals) -> ProtectionRecord | None:
    if work.options.protect is None:
        return None
    return ProtectionRecord(
        region=work.options.protect,
        threshold=work.lost_share_max,
        on_violation=work.options.on_violation,
        lost_share=totals.lost_px / totals.protected_px if totals.protected_px else None,
    )


def _rights(work: AlignmentWork) -> Iterator[RightsRecord]:
    yield RightsRecord(part="source", name=work.source.file, licence=work.options.licence)
    if work.depth_model is not None:
        yield RightsRecord(part="depth model", name=work.depth_model.name, licence=work.depth_model.licence)
    if work.inpainter is not None:
        yield RightsRecord(part="inpaint model", name=work.inpainter.name, licence=work.inpainter.licence)


def _camera(camera: PinholeCamera) -> CameraRecord:
    return CameraRecord(k=camera.k.tolist(), width_px=camera.width_px, height_px=camera.height_px)


def _model(facts: ModelFacts | None) -> ModelRecord | None:
    if facts is None:
        return None
    return ModelRecord(name=facts.name, revision=facts.revision, licence=facts.licence, sha256=facts.sha256)


def _facts(facts: ModelFacts | None) -> object:
    found = _model(facts)
    return None if found is None else found.model_dump(mode="json")

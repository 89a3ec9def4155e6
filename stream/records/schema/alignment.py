"""The records of view alignment: ``<episode>_alignment.json``, and a line for each frame beside it."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Share: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]
Sha256: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Row: TypeAlias = tuple[float, float, float]
PoseRow: TypeAlias = tuple[float, float, float, float]

_STRICT = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ModelRecord(BaseModel):
    """A model that took part."""

    model_config = _STRICT

    name: str
    revision: str | None
    licence: str | None = Field(description="as its card or folder states it; null if it states none")
    sha256: str | None = Field(description="of its weights")


class AlignmentSource(BaseModel):
    """Where the pictures come from."""

    model_config = _STRICT

    kind: Literal["hdf5", "video", "run"]
    file: str = Field(description="name of the file, without its folder")
    size_bytes: int
    sha256: Sha256
    image_key: str | None = Field(description="data set of the pictures; null for a video")
    run_id: str | None = Field(default=None, description="of the run, if its clip was rectified again")


class CameraRecord(BaseModel):
    """A pinhole camera."""

    model_config = _STRICT

    k: tuple[Row, Row, Row] = Field(description="camera matrix, pixels")
    width_px: int
    height_px: int


class ViewpointRecord(BaseModel):
    """Where the target camera is."""

    model_config = _STRICT

    trajectory: Literal["left", "right", "up", "down", "forward", "backward"] | None = Field(
        description="direction of the movement along the source camera's own axes; null if a pose was given"
    )
    movement_distance_m: float | None = Field(description="as it was asked for; null if a pose was given")
    movement_distance_noise_m: float | None = Field(description="half the width of the noise's range")
    drawn_noise_m: float = Field(description="what was drawn for this episode")
    seed: int
    target_from_source: tuple[PoseRow, PoseRow, PoseRow, PoseRow] = Field(
        description="the realised pose: coordinates in the target camera from those in the source camera; metres, "
        "x right, y down, z forward"
    )


class DepthRecord(BaseModel):
    """Where the depth comes from."""

    model_config = _STRICT

    data_set: str | None = Field(description="of the episode; null if a model estimated it")
    model: ModelRecord | None
    unit: Literal["metre", "relative"] | None = Field(description="null if no frame has depth")
    is_made_consistent: bool = Field(description="whether all frames were given the scale of the first one")
    metres_per_unit: float | None = Field(description="what it was scaled by then; null: it was left as it is")


class FillRecord(BaseModel):
    """How holes were filled."""

    model_config = _STRICT

    lenders: list[int] = Field(
        description="frames that may lend pixels to one, counted from it, in the order in which they are asked"
    )
    inpainter: ModelRecord | None = Field(description="null: smooth colours from the hole's border")
    prompt: str


class ProtectionRecord(BaseModel):
    """What was protected."""

    model_config = _STRICT

    region: str = Field(description="data set of masks, or the run whose boxes were taken")
    threshold: Share = Field(description="a frame that loses a larger share of its protected pixels is flagged")
    on_violation: Literal["keep", "drop", "fail"]
    lost_share: Share | None = Field(description="over all frames; null if none has protected pixels")


class FrameProblem(BaseModel):
    """A frame that could not be aligned."""

    model_config = _STRICT

    index: int
    problem: str


class RightsRecord(BaseModel):
    """One link of the chain of rights."""

    model_config = _STRICT

    part: Literal["source", "depth model", "inpaint model"]
    name: str
    licence: str | None = Field(description="null: not known")


class AlignmentRecord(BaseModel):
    """How one derived episode was made."""

    model_config = _STRICT

    v: Literal[1] = 1
    output_type: Literal["derived_observation"] = "derived_observation"
    episode: str
    source: AlignmentSource
    output: str = Field(description="file or folder of the pictures, beside this record")
    source_camera: CameraRecord
    target_camera: CameraRecord
    viewpoint: ViewpointRecord
    depth: DepthRecord
    fill: FillRecord
    protection: ProtectionRecord | None
    frames: int = Field(description="of the source")
    real_share: Share | None = Field(description="of the pixels of all aligned frames; null if there is none")
    borrowed_share: Share | None
    generated_share: Share | None
    failed_frames: list[FrameProblem] = Field(description="their pictures are black, and their origin is 2")
    flagged_frames: list[int] = Field(description="they lose too much of what is protected")
    dropped_frames: list[int] = Field(description="those of them that were left out")
    rights: list[RightsRecord]
    options: dict[str, Any] = Field(description="every option that decides the files")
    identity_sha256: Sha256 = Field(
        description="of everything that decides the files: a call with the same does nothing"
    )
    packages: dict[str, str]


class AlignedFrameRecord(BaseModel):
    """How one frame was made."""

    model_config = _STRICT

    v: Literal[1] = 1
    index: int = Field(ge=0, description="number of the frame in the source")
    t_s: float | None = Field(description="seconds from the source's first frame; null if the source does not say")
    status: Literal["aligned", "failed"]
    problem: str = Field(description="why it failed; empty if it did not")
    source_sha256: Sha256 | None = Field(description="of the source's picture as stored; null for a video")
    picture_sha256: Sha256 = Field(description="of the picture as it was stored first: a file's bytes, raw ones as PNG")
    real_share: Share
    borrowed_share: Share
    generated_share: Share
    borrowed_from: list[int] = Field(description="frames that pixels were borrowed from")
    depth_valid_share: Share | None = Field(description="of the source's pixels; null without depth")
    depth_scale: float | None = Field(
        description="by which the model's depth was multiplied to fit the frames before; null: it was not compared"
    )
    protected_px: int | None = Field(description="protected pixels that the target sees; null: none are protected")
    protected_lost_share: Share | None = Field(description="share of them that land in a hole, or have no valid depth")
    is_flagged: bool

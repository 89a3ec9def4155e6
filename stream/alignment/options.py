"""The options of an alignment."""

from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from stream.alignment.viewpoint import Trajectory

OnViolation: TypeAlias = Literal["keep", "drop", "fail"]
"""What becomes of a frame that loses too much of what is protected."""

_ELSEWHERE = ("output_dir", "overwrite", "offline", "intrinsics", "target_camera", "pose")
"""Options that do not decide the pictures, and files whose content does."""


class AlignOptions(BaseModel):
    """What the user wants of all episodes of a call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    output_dir: Path
    image_key: str = "observation_image_left"
    trajectory: Trajectory = "down"
    movement_distance_m: float = 0.1
    movement_distance_noise_m: float = 0.0
    pose: Path | None = None
    """Replaces the trajectory."""
    seed: int = 42
    intrinsics: Path | None = None
    intrinsics_key: str | None = None
    target_camera: Path | None = None
    """None: the source's own."""
    depth_key: str | None = None
    depth_model: str | None = None
    depth_scale: float | None = None
    """Metres in one unit of the depth; None: metric depth is in metres, relative depth has no known unit."""
    camera_pose_key: str | None = None
    batch_size: int = 1
    inpaint_model: str | None = None
    """None: the colours around a hole."""
    prompt: str = ""
    protect: str | None = None
    on_violation: OnViolation = "keep"
    save_h5: bool = False
    licence: str | None = None
    overwrite: bool = False
    offline: bool = False

    def deciding(self) -> dict[str, Any]:
        """Those that decide the files, by name, as JSON values."""
        return self.model_dump(mode="json", exclude=set(_ELSEWHERE))

"""The manifests of an ablation: the episodes of each arm, as a trainer's data loader reads them."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Arm: TypeAlias = Literal["robot_only", "raw_human", "aligned_human", "aligned_and_robot"]
Split: TypeAlias = Literal["train", "val"]
Sha256: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

_STRICT = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class AblationEpisode(BaseModel):
    """One episode of an arm."""

    model_config = _STRICT

    episode_id: str = Field(description="unique in the manifest; that of a raw episode and its aligned one is the same")
    path: str = Field(description="of the HDF5 file, from the folder of the manifest")
    embodiment: Literal["human", "robot"]
    output_type: Literal["raw_observation", "derived_observation"]
    split: Split
    image_key: str = Field(description="data set of the pictures")
    frames: int
    size_bytes: int
    sha256: Sha256 = Field(description="of the file")
    source_sha256: Sha256 | None = Field(description="of the raw episode that it was made from; null for a raw one")
    record: str | None = Field(description="path of the record of the alignment; null for a raw episode")


class AblationCounts(BaseModel):
    """Episodes and frames."""

    model_config = _STRICT

    train_episodes: int
    train_frames: int
    val_episodes: int
    val_frames: int


class AblationManifest(BaseModel):
    """The episodes of one arm."""

    model_config = _STRICT

    v: Literal[1] = 1
    arm: Arm
    seed: int = Field(description="of the split, and of the choice of episodes where numbers are made equal")
    val_fraction: float = Field(ge=0.0, lt=1.0)
    is_equal: bool = Field(description="whether there are as many human as robot episodes in all arms")
    human: AblationCounts
    robot: AblationCounts
    episodes: list[AblationEpisode]

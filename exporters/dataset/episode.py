"""An episode: one segment of a run, or a bounded part of one, with the words that describe it."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Split: TypeAlias = Literal["train", "val"]
Outcome: TypeAlias = Literal["annotated", "failed", "skipped", "pending"]

STRICT: Final = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class Box(BaseModel):
    """An object on the keyframe in which an annotator saw it."""

    model_config = STRICT

    name: str
    rigid: bool
    xyxy: tuple[float, float, float, float]
    """Pixels of a picture of ``width_px`` x ``height_px``."""
    width_px: int
    height_px: int
    t_s: float | None = None
    """Time of that picture, in seconds from the episode's start; None in an older export: the action's start."""


class EpisodeAction(BaseModel):
    """An action as an annotator described it, cut to its episode."""

    model_config = STRICT

    t_start_s: float
    """Seconds from the episode's start."""
    t_end_s: float
    active: bool
    subtask: str = ""
    scene: str = ""
    motion: str = ""
    prediction: str = ""
    """``""`` for an idle action, as the other words."""
    objects: tuple[Box, ...] = ()


class Episode(BaseModel):
    """What is known of an episode before its clip is cut."""

    model_config = STRICT

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    """Unique in the data set; the name of its files."""
    run_id: str
    clip: str
    """Stem of the clip's name."""
    segment_id: str
    part: int = 0
    """0, 1, ... where the segment is longer than the longest episode."""
    t_start_s: float
    """Seconds from the clip's first frame."""
    frames: Annotated[int, Field(ge=1)]
    fps: Annotated[int, Field(ge=1)]
    split: Split = "train"
    worker: str
    """The person or camera that recorded the clip, as far as it is known; else the clip."""
    kind: str
    closed_by: str
    windows: int
    score_mean: float | None
    score_max: float | None
    period_s: float | None
    cycles: float | None
    judged_from_s: float | None = None
    """Start of the segment's first window that was judged, seconds from the clip's first frame; None: none was."""
    mode: int | None = None
    """Which usual work its segment shows: 0, 1, 2, ...; None: not known, or not typical."""
    activity: float | None = None
    """Mean share of the picture that moves independently of the head, over its segment."""
    head_motion: float | None = None
    """Mean speed of the head, picture widths a second, over its segment."""
    idle_s: float = 0.0
    """Seconds of the episode in which nothing moves."""
    damaged_s: float
    outcome: Outcome
    reason: str = ""
    """Why it was not described."""
    annotator: str = ""
    """The model that described it."""
    actions: tuple[EpisodeAction, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length of its clip, seconds."""
        return self.frames / self.fps

    @property
    def t_end_s(self) -> float:
        """Seconds from the clip's first frame."""
        return self.t_start_s + self.duration_s

    @property
    def caption(self) -> str:
        """The subtasks of its active actions, each once, in order of time; ``""`` if it was not described."""
        return "; ".join(dict.fromkeys(action.subtask for action in self.actions if action.active))

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of its objects, each once."""
        return tuple(dict.fromkeys(box.name for action in self.actions for box in action.objects))


class ClipFacts(BaseModel):
    """What is known of an episode's clip after it was cut."""

    model_config = STRICT

    key: str
    frames: int
    width_px: int
    height_px: int
    repeated: int
    """Frames that show the same picture of the source as the one before."""
    dropped: int
    """Pictures of the source between the first and the last frame that no frame shows."""
    size_bytes: int
    sha256: str
    rgb_histogram: bytes
    """(3, 256) int64, little-endian: pixels of each value, for red, green and blue, over about one frame a second."""

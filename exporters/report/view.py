"""What the report shows of runs, as values: the page is a function of these, and the browser gets them as JSON."""

from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from stream.pipeline.facts import SegmentKind

RunState: TypeAlias = Literal["finished", "running", "stopped", "failed"]
SegmentOutcome: TypeAlias = Literal["described", "failed", "skipped", "pending"]
MarkKind: TypeAlias = Literal["damaged", "gap", "overload"]


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShownObject(_Shown):
    """An object of an action."""

    name: str
    bbox: tuple[float, float, float, float]
    """x1, y1, x2, y2 in pixels of the keyframe, whose size the segment has."""
    rigid: bool


class ShownAction(_Shown):
    """A described action; an idle one has no words."""

    t_start_s: float
    t_end_s: float
    active: bool
    scene: str = ""
    subtask: str = ""
    motion: str = ""
    prediction: str = ""
    objects: tuple[ShownObject, ...] = ()


class ShownSegment(_Shown):
    """A closed segment and its outcome."""

    id: str
    t_start_s: float
    t_end_s: float
    kind: SegmentKind
    closed_by: str
    detected_at_s: float
    windows: int
    score_mean: float | None
    score_max: float | None
    unusual: float
    """``score_max`` over theta_on; 0 for a segment without either."""
    period_s: float | None
    cycles: float | None
    damaged_s: float
    outcome: SegmentOutcome
    reason: str = ""
    """Why it failed or was skipped."""
    actions: tuple[ShownAction, ...] = ()
    keyframe_px: tuple[int, int] = (0, 0)
    """Width and height that the boxes refer to; 0 if unknown."""


class ShownMark(_Shown):
    """A stretch of time that was lost."""

    kind: MarkKind
    t_start_s: float
    t_end_s: float
    reason: str


class ScoreCurve(_Shown):
    """Detector scores over time; each field is base64 of N little-endian float32, NaN where there is no value."""

    t_s: str
    score: str
    smoothed: str
    theta_on: str
    theta_off: str
    source: Literal["windows", "segments"] = "windows"
    """Of what a point is: of a window, or, if the windows are not there, the mean of a segment."""


class ReportPicture(_Shown):
    """A keyframe."""

    t_s: float
    src: str
    """``data:`` URL, or a path on the live server."""


class FactGroup(_Shown):
    """Facts of one kind, in the order in which they are shown."""

    title: str
    rows: tuple[tuple[str, str], ...]
    is_open: bool = False
    """Whether it is shown without a click."""


class ShownRun(_Shown):
    """One run."""

    key: str
    """Unique on the page."""
    name: str
    """The clip's stem."""
    source: str
    state: RunState
    state_text: str
    t_end_s: Annotated[float, Field(ge=0)]
    """Stream time up to which there are segments, windows or marks."""
    judged_from_s: float | None
    """End of the first warm-up: no earlier segment could be judged. None: nothing was judged."""
    segments: tuple[ShownSegment, ...]
    marks: tuple[ShownMark, ...]
    curve: ScoreCurve | None
    pictures: tuple[ReportPicture, ...] = ()
    pictures_note: str = ""
    """Why pictures are missing."""
    video: str | None = None
    """Path of the rectified clip, relative to the page."""
    decoded_s: float
    wall_s: float | None
    dollars: float | None
    """None: unknown."""
    period_s: float | None
    """Median repetition period of its segments."""
    cycles: float
    facts: tuple[FactGroup, ...] = ()
    """Rendered on the server's side: the browser does not need them as JSON."""

    @property
    def anomalous(self) -> int:
        """Stretches, not segments: a long anomaly is cut into several."""
        return _stretches(segment.kind == "anomalous" for segment in self.segments)

    @property
    def described(self) -> int:
        """Segments with a description."""
        return sum(segment.outcome == "described" for segment in self.segments)

    @property
    def failed(self) -> int:
        """Segments that could not be described."""
        return sum(segment.outcome == "failed" for segment in self.segments)

    @property
    def lost_s(self) -> float:
        """Seconds that were damaged, or without a source."""
        gaps_s = sum(mark.t_end_s - mark.t_start_s for mark in self.marks if mark.kind == "gap")
        return gaps_s + sum(segment.damaged_s for segment in self.segments)

    @property
    def unusual(self) -> float:
        """That of its most unusual segment."""
        return max((segment.unusual for segment in self.segments), default=0.0)


def _stretches(flags: Iterable[bool]) -> int:
    return sum(flag for flag, _ in groupby(flags))

"""What the report shows of runs, as values: the page is a function of these, and the browser gets them as JSON."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from stream.pipeline.facts import IdleSignal, SegmentKind
from stream.records.counts import RunCounts
from stream.records.listing import SegmentOutcome
from stream.records.run_state import RunState

MarkKind: TypeAlias = Literal["damaged", "gap", "overload"]


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShownObject(_Shown):
    """An object of an action."""

    name: str
    bbox: tuple[float, float, float, float]
    """x1, y1, x2, y2 in pixels of the keyframe, whose size the segment has."""
    rigid: bool
    keyframe_t_s: float | None = None
    """Time of that keyframe; None in a run of an earlier version."""


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

    @property
    def boxes_s(self) -> float:
        """Time of the keyframe that its objects' boxes are in; its start, where that is not known."""
        times_s = (each.keyframe_t_s for each in self.objects if each.keyframe_t_s is not None)
        return next(times_s, self.t_start_s)


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
    mode: int | None
    """Which usual work it shows: 0, 1, 2, ...; None: not known, or not typical."""
    activity: float | None
    """Mean share of the picture that moves independently of the head."""
    idle: tuple[tuple[float, float, IdleSignal], ...]
    """Where nothing moves for long, in seconds of the clip."""
    idle_s: float
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

    @property
    def points(self) -> int:
        """Number of points."""
        return len(self.t_s.rstrip("=")) * 3 // 16


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
    counts: RunCounts
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
    wall_s: float | None
    dollars: float | None
    """None: unknown."""
    period_s: float | None
    """Median repetition period of its segments."""
    cycles: float
    facts: tuple[FactGroup, ...] = ()
    """Rendered on the server's side: the browser does not need them as JSON."""

    @property
    def lost_s(self) -> float:
        """Seconds that were damaged, or without a source."""
        gaps_s = sum(mark.t_end_s - mark.t_start_s for mark in self.marks if mark.kind == "gap")
        return gaps_s + sum(segment.damaged_s for segment in self.segments)

    @property
    def unusual(self) -> float:
        """That of its most unusual segment."""
        return max((segment.unusual for segment in self.segments), default=0.0)

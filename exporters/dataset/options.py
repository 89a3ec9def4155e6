"""The options of an export, as set by the user."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from exporters.dataset.expression import parse_condition
from exporters.dataset.plan import PlanOptions, Select
from exporters.dataset.store import Header

Picture: TypeAlias = Literal["rectified", "raw"]
VideoCodec: TypeAlias = Literal["h264", "av1", "hevc"]
Language: TypeAlias = Literal["columns", "subtask", "none"]

_CRF: Final[dict[VideoCodec, float]] = {"h264": 23.0, "hevc": 26.0, "av1": 32.0}
"""Constant rate factors of about the same quality."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options of an export, apart from its formats, runs and folder."""

    select: Select
    where: str | None
    """A condition on episodes."""
    picture: Picture
    fps: int | None
    """None: the rate of the existing data set, or else of the first clip."""
    longest_px: int | None
    """Longest side of the pictures; None: as in the clip."""
    codec: VideoCodec
    crf: float | None
    """Constant rate factor; None: one that suits the codec."""
    gop: int | None
    """Frames between keyframes; None: half a second."""
    longest_s: float
    val_fraction: float
    seed: int
    language: Language
    """How LeRobot data sets hold subtasks."""
    licence: str
    workers: int
    """Clips that are cut at a time."""
    annotation: str | None
    """Name of the annotation whose words are exported; None: each run's default one."""
    clips: Path | None
    """Folder to search for clips that are no longer where their runs read them."""

    def plan_options(self, fps: int | None) -> PlanOptions:
        """The options that apply to every run. ``fps`` is the common frame rate; None means each clip's own.

        Raises:
            UsageError: the condition is not valid.
        """
        condition = parse_condition(self.where) if self.where else None
        return PlanOptions(self.select, condition, fps, self.longest_s, self.val_fraction, self.seed)

    def header(self, formats: tuple[str, ...], fps: int) -> Header:
        """What all episodes of the data set have in common."""
        return Header(
            formats=formats,
            fps=fps,
            picture=self.picture,
            longest_px=self.longest_px,
            codec=self.codec,
            crf=_CRF[self.codec] if self.crf is None else self.crf,
            gop=self.gop or max(1, fps // 2),
            longest_s=self.longest_s,
            val_fraction=self.val_fraction,
            seed=self.seed,
            options={"language": self.language},
        )

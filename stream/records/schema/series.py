"""``series.json``: the outcome of several clips in one command, for programs."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from stream.records.counts import RunCounts

MOST_LEFT_OUT: Final = 1000
"""Files that are no clips and are named; the rest is counted."""


class SeriesClip(BaseModel):
    """One clip that has ended."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip: str = Field(description="its path or address, without secrets")
    run_dir: str | None = Field(description="its run directory; null if nothing was begun")
    exit_code: int = Field(description="exit code that it would have alone")
    says: str = Field(description="one line for people")
    video_s: float = Field(ge=0.0, description="seconds of video that were processed")
    counts: RunCounts | None = Field(default=None, description="what was found; null if nothing was begun")
    wall_s: float = Field(ge=0.0, description="seconds that it took")


class SeriesFile(BaseModel):
    """A file beside the clips that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(description="its path or address; TAR::MEMBER in a tar")
    reason: str = Field(description="what it is")


class Series(BaseModel):
    """All clips of one command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    counts: RunCounts = Field(default=RunCounts(), description="what was found in all clips that have ended")
    clips: list[SeriesClip] = Field(description="clips that have ended, in that order")
    left: list[str] = Field(description="clips that have not ended")
    left_out: list[SeriesFile] = Field(
        default=[], max_length=MOST_LEFT_OUT, description="files in the folders and tars that are no clips"
    )
    left_out_more: int = Field(default=0, ge=0, description="number of further files of that kind")

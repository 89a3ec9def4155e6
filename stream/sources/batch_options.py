"""Options of a batch of clips."""

from typing import ClassVar, Final

from stream.records.schema.options import OptionGroup, option, switch

PREVIOUS: Final = "previous"
"""Of ``--warm-start``: the clip before."""


class ClipsOptions(OptionGroup):
    """Options for several clips in one command."""

    title: ClassVar[str] = "Several clips"

    jobs: int = option(1, "Clips to run at a time.", flag="-j --jobs", daily=True, ge=1, le=1024)
    deterministic: bool = switch(
        "With --jobs, put no windows or segments of several clips into one batch, so that each clip's results equal "
        "those of a run of its own to the last bit."
    )
    fail_fast: bool = switch("Stop at the first clip that fails.")
    warm_start: str | None = option(
        None,
        "Begin with the normal work that an earlier run has learned: that of a run directory, or previous, the last "
        "clip before it that is of the same worker, in the same folder or tar.",
        flag="--warm-start",
        unset="each clip warms up by itself",
        metavar="previous|RUN",
    )

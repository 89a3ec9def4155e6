"""Options of the output."""

from pathlib import Path
from typing import ClassVar, Literal

from stream.records.schema.layout import RUNS
from stream.records.schema.options import OptionGroup, option, switch


class OutputOptions(OptionGroup):
    """Options of the output."""

    title: ClassVar[str] = "Output"

    folder: Path = option(RUNS, "Folder for run directories.", flag="-o --out", metavar="FOLDER", daily=True)
    overwrite: bool = switch(
        "Discard earlier results and start over, instead of resuming or keeping them.",
        daily=True,
        command_line_only=True,
    )
    yes: bool = switch(
        "With --overwrite, also discard a run that has annotations, without asking.", command_line_only=True
    )
    log_format: Literal["text", "json"] = option("text", "What is printed: text for people, or one JSON object a line.")

"""The table of exporters: each format is a module with one function, and one row here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from exporters import anomalies
from exporters.dataset.data_set import DataSet
from exporters.dataset.parquet import require_pyarrow
from exporters.figures import detection, diagnostics, style
from exporters.formats import (
    clips,
    cosmos,
    eaf,
    egohumanoid,
    egoverse,
    frames,
    labelstudio,
    lerobot,
    lerobot21,
    rerun,
    subtitles,
    tables,
    video_folder,
    webdataset,
)
from exporters.run_view import RunView


@dataclass(frozen=True, slots=True)
class Exporter:
    """One format."""

    text: str
    """One line about it."""
    export: Callable[[Sequence[RunView], Path], list[Path]]
    """Writes runs into a folder that exists; returns the files in the order in which they were written."""
    check: Callable[[], None] = lambda: None
    """Raises ``ModelUnavailableError`` before any work if a package is missing."""


FIGURE_FORMATS: Final[tuple[style.FigureFormat, ...]] = get_args(style.FigureFormat)

EXPORTERS: Final[Mapping[str, Exporter]] = MappingProxyType(
    {
        f"{name}.{figure_format}": Exporter(
            text, partial(export_figure, figure_format=figure_format), style.require_matplotlib
        )
        for name, text, export_figure in (
            ("detection", "causal against offline detection", detection.export),
            ("diagnostics", "similarity and repetition", diagnostics.export),
        )
        for figure_format in FIGURE_FORMATS
    }
    | {"anomalies": Exporter("anomalies of both detectors", anomalies.export)}
)
"""By name: of a figure, with the format of its file."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format of data sets."""

    text: str
    """One line about it."""
    write: Callable[[DataSet, Path], None]
    """Writes a data set into a folder that exists, or brings what is there up to date."""
    check: Callable[[], None] = lambda: None
    """Raises ``ModelUnavailableError`` before any work if a package is missing."""
    has_clips: bool = True
    """Whether it needs the episodes' clips; if no format of an export does, none is cut."""
    tag: str = ""
    """Git tag by which its reader finds the data set on the hub; empty if it reads the main branch."""


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "lerobot": Format("LeRobotDataset v3.0", lerobot.write, require_pyarrow, tag="v3.0"),
        "lerobot21": Format(
            "LeRobotDataset v2.1, with the modality.json of GR00T", lerobot21.write, require_pyarrow, tag="v2.1"
        ),
        "webdataset": Format("tar shards of clips, facts and captions", webdataset.write),
        "hf": Format("clips with metadata.jsonl, as the hub's viewer shows them", video_folder.write),
        "cosmos": Format("videos/ and metas/ for NVIDIA Cosmos", cosmos.write),
        "clips": Format("clips with a table", clips.write),
        "frames": Format("every frame as a JPEG", frames.write),
        "vtt": Format("clips with WebVTT subtitles", subtitles.write),
        "eaf": Format("clips with ELAN annotations", eaf.write),
        "labelstudio": Format("tasks with predictions for Label Studio", labelstudio.write),
        "rerun": Format("recordings for the Rerun viewer", rerun.write, rerun.require),
        "egohumanoid": Format(
            "HDF5 episodes of pictures, as EgoHumanoid reads them", egohumanoid.write, egohumanoid.require
        ),
        "egoverse": Format(
            "Zarr episodes of pictures and subtasks, as EgoVerse reads them", egoverse.write, egoverse.require
        ),
        "parquet": Format(
            "tables of episodes, actions and windows, without video", tables.write, require_pyarrow, has_clips=False
        ),
    }
)
"""By name."""


def export(names: Sequence[str], runs: Sequence[RunView], destination: Path) -> list[Path]:
    """Write runs in the formats of these names into a folder, which is created.

    Raises:
        InputError: a run lacks what a format needs.
    """
    destination.mkdir(parents=True, exist_ok=True)
    return [path for name in names for path in EXPORTERS[name].export(runs, destination)]

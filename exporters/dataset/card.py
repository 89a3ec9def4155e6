"""The README of a data set: what is in it, what was measured, what is a model's guess, and its origin."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exporters.dataset.data_set import DataSet
from exporters.dataset.store import Row
from stream.records.store.atomic import replace_file

_NOTE = """
## What is measured, and what is a model's guess

Times, scores, repetition periods and damage are measured on the video. Captions, subtasks, objects and boxes are the
output of the annotators named below: a model's guess, of which only the form was checked. Where an episode was not
described, its texts are empty. There are no actions and no robot states: nothing measured them. Without them, this
data set serves pre-training, video models, retrieval and annotation; it cannot train an action policy, such as GR00T.
"""


def write_card(
    path: Path, data_set: DataSet, rows: Sequence[Row], *, tags: Sequence[str] = (), data_files: str = ""
) -> None:
    """Write ``README.md`` as the Hugging Face Hub shows it.

    Args:
        path: The file.
        data_set: The data set.
        rows: Its episodes in this folder.
        tags: Of the format.
        data_files: Pattern of the default configuration's files; none if empty.
    """
    licences = sorted({run.licence for run in data_set.runs if run.licence})
    configs = f"configs:\n- config_name: default\n  data_files: {data_files}\n" if data_files else ""
    front = (
        "---\n"
        + (f"license: {licences[0]}\n" if len(licences) == 1 else "")
        + "task_categories:\n- robotics\n"
        + "tags:\n"
        + "".join(f"- {tag}\n" for tag in (*tags, "egocentric", "egoclean-stream"))
        + configs
        + "---\n"
    )
    replace_file(path, (front + _body(data_set, rows) + _NOTE + _sources(data_set)).encode())


def write_provenance(path: Path, data_set: DataSet) -> None:
    """Write where everything comes from, as JSON."""
    replace_file(path, (json.dumps(data_set.provenance(), indent=1, ensure_ascii=False) + "\n").encode())


def _body(data_set: DataSet, rows: Sequence[Row]) -> str:
    header = data_set.header
    seconds = sum(row.episode.duration_s for row in rows)
    kinds = Counter(row.episode.kind for row in rows)
    outcomes = Counter(row.episode.outcome for row in rows)
    repeated = sum(row.clip.repeated for row in rows)
    dropped = sum(row.clip.dropped for row in rows)
    return f"""
# First-person video, cut into episodes

Each episode is one segment of a worker's head-camera video, as [egoclean-stream] found it while the clip played.

| | |
|---|---|
| episodes | {len(rows)} ({_counts(kinds)}) |
| described | {_counts(outcomes)} |
| video | {seconds / 3600:.3f} h, {header.picture}, {header.fps} frames a second, {header.codec} |
| frames repeated, pictures dropped | {repeated}, {dropped} |
| generated pixels | none |
"""


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


def _sources(data_set: DataSet) -> str:
    lines = ["", "## Sources", ""]
    for run in data_set.runs:
        encoder = run.encoder.get("model", "unknown")
        annotators = ", ".join(str(each.get("model", "unknown")) for each in run.annotators) or "none"
        licence = run.licence or "not stated"
        lines.append(f"- `{run.clip}`: encoder {encoder}, annotator {annotators}, licence {licence}, run {run.run_id}")
    return "\n".join(lines) + "\n"

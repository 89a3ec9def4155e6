"""The README of a data set, and its ``provenance.json``: what is in it, what was measured, and its origin."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from exporters.dataset.data_set import DataSet
from exporters.dataset.rows import Row
from exporters.dataset.store import RunFacts
from stream.records.store.atomic import replace_file

Configs = Mapping[str, Mapping[str, str]]
"""What ``datasets`` loads: by configuration, a pattern of files for each split."""

_LICENCE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]*")
"""An identifier of a licence, as the hub knows them; any other text is the name of another licence."""
_RUNS_MAX: Final = 100
"""Runs that are named in a README: the hub shows no page of any length."""
_NOTE: Final = """
## What is measured, and what is a model's guess

Times, scores, repetition periods and damage are measured on the video. Captions, subtasks, objects and boxes are the
output of the annotators named below: a model's guess, of which only the form was checked. Where an answer contradicted
itself, it was repaired: times and corners of boxes were put in order, boxes were clamped to the picture, an action ends
where the next one starts, of two that start together the longer one stays, and boxes without area were dropped. Each
repair is in the run's events (`repairs`). Where an episode was not described, its texts are empty. There are no actions
and no robot states: nothing measured them. Without them, this data set serves pre-training, video models, retrieval and
annotation; it cannot train an action policy, such as GR00T.
"""


def describe(
    root: Path,
    data_set: DataSet,
    rows: Sequence[Row],
    *,
    tags: Sequence[str] = (),
    configs: Configs | None = None,
    provenance: str = "provenance.json",
) -> None:
    """Write where everything in a folder comes from, and ``README.md`` as the Hugging Face Hub shows it.

    Args:
        root: The folder.
        data_set: The data set.
        rows: Its episodes in this folder.
        tags: Of the format.
        configs: What ``datasets`` loads; None leaves it to find that out.
        provenance: Name of the file in ``root`` with the provenance, as JSON.
    """
    origin = root / provenance
    origin.parent.mkdir(parents=True, exist_ok=True)
    replace_file(origin, (json.dumps(data_set.provenance(rows), indent=1, ensure_ascii=False) + "\n").encode())
    runs = data_set.runs_of(rows)
    front = yaml.safe_dump(_front_matter(runs, tags, configs or {}), sort_keys=False, allow_unicode=True)
    sources = "\n".join(_sources(runs, provenance))
    text = f"---\n{front}---\n{_body(data_set, rows)}{_NOTE}\n## Sources\n\n{sources}\n"
    replace_file(root / "README.md", text.encode())


def _front_matter(runs: Sequence[RunFacts], tags: Sequence[str], configs: Configs) -> dict[str, Any]:
    """The metadata of a card. There is a licence only if all runs have the same one."""
    front: dict[str, Any] = {}
    licences = {run.licence for run in runs}
    if len(licences) == 1 and (licence := licences.pop()):
        is_known = _LICENCE.fullmatch(licence) is not None
        front |= {"license": licence} if is_known else {"license": "other", "license_name": " ".join(licence.split())}
    front |= {"task_categories": ["robotics"], "tags": [*tags, "egocentric", "egoclean-stream"]}
    if configs:
        front["configs"] = [
            {"config_name": name, "data_files": [{"split": split, "path": path} for split, path in files.items()]}
            for name, files in configs.items()
        ]
        front["configs"][0]["default"] = True
    return front


def _body(data_set: DataSet, rows: Sequence[Row]) -> str:
    header = data_set.header
    seconds = sum(row.episode.duration_s for row in rows)
    kinds = Counter(row.episode.kind for row in rows)
    outcomes = Counter(row.episode.outcome for row in rows)
    repeated = sum(row.cut.repeated for row in rows if row.cut)
    dropped = sum(row.cut.dropped for row in rows if row.cut)
    return f"""
# First-person video, cut into episodes

Each episode is one segment of a worker's head-camera video, as egoclean-stream found it while the clip played.

| | |
|---|---|
| episodes | {len(rows)} ({_counts(kinds)}) |
| described | {_counts(outcomes)} |
| video | {seconds / 3600:.3f} h, {header.picture}, {header.fps} frames a second, {header.codec} |
| frames repeated, pictures dropped | {repeated}, {dropped} |
| generated pixels | none |
"""


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "none"


def _sources(runs: Sequence[RunFacts], provenance: str) -> Iterator[str]:
    for run in runs[:_RUNS_MAX]:
        models = [str(each.get("model", "unknown")) for each in run.annotators]
        annotators = ", ".join(map(_code, dict.fromkeys(models))) or "none"
        licence = _code(run.licence) if run.licence else "not stated"
        encoder = _code(str(run.encoder.get("model", "unknown")))
        encoder += f" ({reason})" if (reason := run.encoder.get("reason")) else ""
        name = _code(run.source["name"])
        yield f"- {name}: encoder {encoder}, annotator {annotators}, licence {licence}, run {run.run_id}"
    if len(runs) > _RUNS_MAX:
        yield f"- and {len(runs) - _RUNS_MAX} more"
    yield f"\n`{provenance}` has all that is known of them."


def _code(text: str) -> str:
    """Any text as code in Markdown, on one line: nothing in it is markup (CommonMark 6.1)."""
    line = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"

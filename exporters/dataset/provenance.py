"""Where episodes come from: what a run's records say of its source, its lens and its models."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

from exporters.dataset.rows import Row
from exporters.dataset.store import Header, RunFacts
from exporters.run_view import RunView
from stream.records import SegmentSkipped
from stream.records.schema.manifest import Manifest, packages
from stream.records.schema.options import by_path

GENERATED_PIXELS: Final = 0.0
"""Share of the pixels that a model made: the pictures are the camera's, rectified and scaled at most."""
_SOURCE: Final = ("size_bytes", "sha256", "edges_sha256", "origin", "stream")
_MEMBER: Final = "::"
"""Between the name of a tar and that of its member."""
_VERSIONS: Final = ("egoclean-stream", "av")
"""Of the packages that make the clips."""


def run_facts(run: RunView, lens: dict[str, Any], licence: str) -> RunFacts:
    """The origin of a run's episodes. A growing run does not know all of it; the next call adds the rest.

    Paths and servers of the machine are left out: data sets are published.
    """
    manifest = run.records()
    source = manifest.source.model_dump(mode="json", include=set(_SOURCE))
    return RunFacts(
        run_id=manifest.run_id,
        clip=run.stem,
        source={"name": _name_of(manifest), **source},
        lens=lens,
        encoder=manifest.encoder or {"model": run.encoder, **_encoder_reason(manifest)},
        annotators=tuple(_annotators(run)),
        detector=dict(manifest.options["detector"]),
        licence=licence,
    )


def provenance_of(header: Header, runs: Iterable[RunFacts]) -> dict[str, Any]:
    """Where the episodes of some runs come from: JSON types only."""
    return {
        "made_by": "egoclean-stream",
        "versions": _versions(),
        "output_type": output_type(header),
        "generated_pixels": GENERATED_PIXELS,
        "options": header.model_dump(mode="json", exclude={"v"}),
        "runs": [run.model_dump(mode="json") for run in runs],
    }


def origin_columns(header: Header, run: RunFacts, row: Row) -> dict[str, Any]:
    """Where an episode comes from, as columns of a table: texts, and one number. A text that is unknown is ``""``."""
    annotator = _annotator_of(run, row)
    return {
        "source": run.source["name"],
        "source_sha256": run.source.get("sha256") or "",
        "licence": run.licence,
        "lens": json.dumps(run.lens),
        "encoder": str(run.encoder.get("model", "")),
        "annotator": row.episode.annotator,
        "annotator_revision": str(annotator.get("revision", "")),
        "prompt": str(annotator.get("prompt", "")),
        "output_type": output_type(header),
        "generated_pixels": GENERATED_PIXELS,
    }


def output_type(header: Header) -> str:
    """Whether pictures are as recorded, ``raw``, or computed from what was recorded, ``derived_observation``."""
    return "raw" if header.picture == "raw" else "derived_observation"


def _encoder_reason(manifest: Manifest) -> dict[str, str]:
    """Why --encoder auto did not take the encoder with weights, if so: of a growing run, its options know it."""
    reason = by_path(manifest.options, "encoder.reason")
    return {"reason": reason} if reason else {}


def _name_of(manifest: Manifest) -> str:
    """The address of a remote source, with its commit on the hub; of a local one the file and the tar's member."""
    if manifest.source.origin:
        return manifest.source.name
    file, separator, member = manifest.source.name.partition(_MEMBER)
    return f"{Path(file).name}{separator}{member}"


def _annotators(run: RunView) -> Iterable[dict[str, Any]]:
    """All that described segments in its annotation; of those that its records do not have yet, the name alone."""
    manifest = run.records()
    chosen = run.annotation.recorded_name if run.annotation else ""
    later = [each.annotator for each in manifest.annotated_later if each.annotation_name == chosen]
    recorded = [*([] if chosen else [manifest.annotator]), *later]
    found = [_without_address(each) for each in recorded if each]
    outcomes = [each for each in run.outcomes.values() if not isinstance(each, SegmentSkipped)]
    names = dict.fromkeys(each.annotator for each in outcomes if each.annotator)
    known = {each.get("model") for each in found}
    return [*found, *({"model": name} for name in names if name not in known)]


def _without_address(annotator: dict[str, Any]) -> dict[str, Any]:
    """The facts of an annotator, without the address of its server."""
    return {name: value.partition(" at ")[0] if name == "runtime" else value for name, value in annotator.items()}


def _annotator_of(run: RunFacts, row: Row) -> dict[str, Any]:
    """The facts of the annotator that described an episode, as far as all of its name in the run agree on them."""
    same = [each for each in run.annotators if each.get("model") == row.episode.annotator]
    first = same[0] if same and row.episode.outcome == "annotated" else {}
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in same)}


@cache
def _versions() -> dict[str, str]:
    """To look them up takes a tenth of a second."""
    return {name: version for name, version in packages().items() if name in _VERSIONS}

"""The JSON Schemas of what is written, generated from the models: ``python -m stream.records.schema.generate``."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from stream.records.schema.ablation import AblationManifest
from stream.records.schema.alignment import AlignedFrameRecord, AlignmentRecord
from stream.records.schema.annotations import ACTIONS
from stream.records.schema.events import EVENT
from stream.records.schema.health import Health
from stream.records.schema.manifest import Manifest
from stream.records.schema.series import Series

DIRECTORY = Path(__file__).parent

_TITLES = {
    "events": "one line of events.jsonl",
    "annotations": "<stem>_annotations.json",
    "run": "run.json",
    "health": "health.json",
    "series": "series.json",
    "alignment": "<episode>_alignment.json",
    "aligned_frames": "one line of <episode>_alignment_frames.jsonl",
    "ablation": "<arm>.json",
}

_OF_RUNS = ("events", "annotations", "run", "health", "series")


def schemas() -> dict[str, dict[str, Any]]:
    """The schemas by the names of their files."""
    schemas = {
        "events": EVENT.json_schema(mode="serialization"),
        "annotations": ACTIONS.json_schema(mode="serialization"),
        "run": Manifest.model_json_schema(mode="serialization"),
        "health": Health.model_json_schema(mode="serialization"),
        "series": Series.model_json_schema(mode="serialization"),
        "alignment": AlignmentRecord.model_json_schema(mode="serialization"),
        "aligned_frames": AlignedFrameRecord.model_json_schema(mode="serialization"),
        "ablation": AblationManifest.model_json_schema(mode="serialization"),
    }
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {name: {"$schema": dialect, "title": _TITLES[name], **schemas[name]} for name in schemas}


def path_of(name: str) -> Path:
    """The committed file of a schema."""
    return DIRECTORY / f"{name}.schema.json"


def hashes() -> dict[str, str]:
    """SHA-256 of the committed schema file of everything that a run writes, by name."""
    return {name: sha256(path_of(name).read_bytes()).hexdigest() for name in _OF_RUNS}


def main() -> None:
    """Write all schema files."""
    for name, schema in schemas().items():
        path_of(name).write_text(json.dumps(schema, indent=1) + "\n")


if __name__ == "__main__":
    main()

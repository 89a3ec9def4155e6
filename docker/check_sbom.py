"""Run in the image by ``test_image.sh``: its bill of materials names what is installed, each with a hash."""

import json
import re
import sys
from importlib.metadata import distributions
from pathlib import Path

BILL = json.loads(Path("/opt/venv/share/egoclean-stream/sbom.json").read_text())


def normalized(name: str) -> str:
    """The name as the index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def with_hash(component: dict[str, object]) -> bool:
    """Whether it says which files it may have come from."""
    return '"alg": "SHA-256"' in json.dumps(component)


root = BILL["metadata"]["component"]
listed = {(normalized(each["name"]), each["version"]) for each in [root, *filter(with_hash, BILL["components"])]}
installed = {(normalized(each.name), each.version) for each in distributions()}
print(f"{BILL['bomFormat']} {BILL['specVersion']}: {len(listed)} listed, {len(installed)} installed")  # noqa: T201
sys.exit(f"they differ: {sorted(listed ^ installed)}" if listed != installed else 0)

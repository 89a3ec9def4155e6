"""Check that the image's bill of materials lists exactly the installed packages, with hashes.

``test_image.sh`` runs this file inside the image.
"""

import json
import re
import sys
from importlib.metadata import distributions
from pathlib import Path

BILL = json.loads(Path("/opt/venv/share/egoclean-stream/sbom.json").read_text())


def normalized(name: str) -> str:
    """The package's name as the package index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def with_hash(component: dict[str, object]) -> bool:
    """Whether the component lists the hashes of the files that it may be installed from."""
    return '"alg": "SHA-256"' in json.dumps(component)


root = BILL["metadata"]["component"]
listed = {(normalized(each["name"]), each["version"]) for each in [root, *filter(with_hash, BILL["components"])]}
installed = {(normalized(each.name), each.version) for each in distributions()}
print(f"{BILL['bomFormat']} {BILL['specVersion']}: {len(listed)} listed, {len(installed)} installed")  # noqa: T201
sys.exit(f"bill of materials and installed packages differ: {sorted(listed ^ installed)}" if listed != installed else 0)

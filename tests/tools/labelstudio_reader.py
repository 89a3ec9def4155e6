"""Checks an export of the format ``labelstudio`` with label-studio-sdk, whose pins differ from the project's.

``PYTHON tests/tools/labelstudio_reader.py FOLDER`` runs in an environment of its own (``pip install
label-studio-sdk==2.1.2``) and reads what ``egoclean-stream export labelstudio`` wrote to FOLDER.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Raise ``RuntimeError`` if Label Studio would refuse a prediction, or take one that is wrong."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface((folder / "interface.xml").read_text())
    tasks = json.loads((folder / "tasks.json").read_text())
    for task in tasks:
        (prediction,) = task["predictions"]
        errors = interface.validate_prediction(prediction, return_errors=True)
        if errors:
            raise RuntimeError(f"{task['data']['key']}: {errors}")
        if interface.validate_prediction(with_unknown_label(prediction)):
            raise RuntimeError("a label that is not in the interface was taken: the check checks nothing")
    sys.stdout.write(f"{len(tasks)} predictions are valid\n")


def with_unknown_label(prediction: dict[str, Any]) -> dict[str, Any]:
    """A prediction whose first label is not in the interface."""
    changed = copy.deepcopy(prediction)
    changed["result"][0]["value"]["timelinelabels"] = ["no such label"]
    return changed


if __name__ == "__main__":
    main(Path(sys.argv[1]))

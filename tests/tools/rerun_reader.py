"""Checks exports of the format ``rerun`` with Rerun itself, in an environment that has it.

``python -m tests.tools.rerun_reader`` exports a clip whose every picture shows its number, verifies each recording
with ``rerun rrd verify``, decodes its packets, and runs the Python of ``docs/exports/rerun.md``.
"""

import re
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from tests.support.coded_run import make_coded_run, numbers_in
from tests.support.inline import run_here

_PAGE = Path(__file__).parents[2] / "docs/exports/rerun.md"
_EXPECTED = (range(30), range(30, 52), range(52, 80))
_LANES = {"pick up the screw", "drive the screw in", "typical", ""}


def main() -> None:
    """Raise ``RuntimeError`` at the first difference."""
    with tempfile.TemporaryDirectory() as name, chdir(name):
        make_coded_run(Path())
        result = run_here("export", "rerun", "runs", "--to", "review/rerun", "--video", "raw")
        require(result.returncode == 0, result.stderr)
        for number, expected in enumerate(_EXPECTED):
            path = Path(f"review/rerun/clip-s{number:04d}.rrd")
            subprocess.run([sys.executable, "-m", "rerun_cli", "rrd", "verify", path], check=True)
            require(frames_in(path) == list(expected), f"{path}: its frames are not {expected}")
        states = states_in(Path("review/rerun/clip-s0000.rrd"))
        require(states == _LANES, f"the states are {states}")
        for block in re.findall(r"^```python heavy\n(.*?)^```$", _PAGE.read_text(), re.DOTALL | re.MULTILINE):
            exec(compile(block, str(_PAGE), "exec"), {})  # noqa: S102 - our own page
    sys.stdout.write("every recording is verified, and every packet is its frame\n")


def frames_in(path: Path) -> list[int]:
    """The numbers of the pictures that the packets of a recording show, in order."""
    stream = path.with_suffix(".h264")
    stream.write_bytes(b"".join(bytes(sample) for sample in values_in(path, "/camera", "VideoStream:sample")))
    return numbers_in(stream)


def states_in(path: Path) -> set[str]:
    """The states of all lanes."""
    lanes = ("/lanes/kind", "/lanes/subtask")
    return {str(state) for lane in lanes for state in values_in(path, lane, "StateChange:state")}


def values_in(path: Path, entity: str, column: str) -> list[Any]:
    """The values of one component, in the order of the recording."""
    from rerun.chunk import RrdReader

    values: list[Any] = []
    for chunk in RrdReader(path).stream().to_chunks():
        batch = chunk.to_record_batch()
        if chunk.entity_path == entity and column in batch.schema.names:
            values += [value for row in batch.column(column).to_pylist() if row for value in row]
    return values


def require(holds: bool, otherwise: str) -> None:
    """Raise ``RuntimeError`` if a condition does not hold."""
    if not holds:
        raise RuntimeError(otherwise)


if __name__ == "__main__":
    main()

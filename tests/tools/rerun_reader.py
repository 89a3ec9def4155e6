"""Reads exports with Rerun itself, in an environment that has it.

``python -m tests.tools.rerun_reader`` exports a clip whose every picture shows its number. It verifies each recording
of the format ``rerun`` with ``rerun rrd verify``, decodes its packets, and runs the Python of its page.
``LeRobotReader`` reads the formats ``lerobot`` and ``lerobot21``.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from typing import Any

from tests.support.coded_run import SEGMENTS, make_coded_run, numbers_in
from tests.support.exports import export
from tests.support.full_disk import largest_file
from tests.support.inline import run_here

_PAGE = Path(__file__).parents[2] / "docs/exports/rerun.md"
_EXPECTED = (range(30), range(30, 52), range(52, 80))
_TASKS = ("; ".join(SEGMENTS[0].words), "", "")
_SUBTASKS: tuple[list[str], ...] = (list(SEGMENTS[0].words), [], ["idle"])
_BOXES = ((2, 2), (0, 0), (0, 0))
"""Answers, and those that name the screw."""
_LANES = {*SEGMENTS[0].words, "typical", ""}
_EGO = "/observation.images.ego"
_SUBTASK = "/language_persistent/subtask/assistant"
_ANSWER = "/language_events/vqa/assistant/observation.images.ego"


def main() -> None:
    """Raise ``RuntimeError`` at the first difference."""
    with tempfile.TemporaryDirectory() as name, chdir(name):
        run = make_coded_run(Path())
        check_recordings(run)
        check_full_disk(run)
        for format_name in ("lerobot", "lerobot21"):
            check_lerobot(run, format_name)
    sys.stdout.write("every recording is verified, and every packet is its frame, also of LeRobot's data sets\n")


def check_recordings(run: Path) -> None:
    """The recordings of the format ``rerun``, and its page."""
    from rerun.chunk import RrdReader

    export("rerun", run, Path("review/rerun"))
    for number, expected in enumerate(_EXPECTED):
        path = Path(f"review/rerun/clip-s{number:04d}.rrd")
        subprocess.run([sys.executable, "-m", "rerun_cli", "rrd", "verify", path], check=True)
        chunks = list(RrdReader(path).stream().to_chunks())
        require(frames_in(chunks, "/camera") == list(expected), f"{path}: its frames are not {expected}")
    chunks = list(RrdReader(Path("review/rerun/clip-s0000.rrd")).stream().to_chunks())
    states = {
        state for lane in ("kind", "subtask") for state in values_in(chunks, f"/lanes/{lane}", "StateChange:state")
    }
    require(states == _LANES, f"the states are {states}")
    labels = values_in(chunks, "/camera/objects", "Boxes2D:labels")
    require(labels == ["screw", "screw"], f"the boxes are {labels}")
    for block in re.findall(r"^```python heavy\n(.*?)^```$", _PAGE.read_text(), re.DOTALL | re.MULTILINE):
        exec(compile(block, str(_PAGE), "exec"), {})  # noqa: S102 - our own page


def check_full_disk(run: Path) -> None:
    """Nothing incomplete has the name of a recording, although Rerun only logs that it could not write."""
    words: list[str | Path] = ["export", "rerun", run, "--video", "raw", "--to", "full"]
    with largest_file(50_000):
        done = run_here(*words)
    require((done.returncode, list(Path("full").glob("*.rrd"))) == (6, []), f"on a full disk: {done}")
    done = run_here(*words)
    require((done.returncode, len(list(Path("full").glob("*.rrd")))) == (0, 3), f"after it: {done}")


def check_lerobot(run: Path, format_name: str) -> None:
    """A data set of LeRobot: frames, tasks, and in v3.0 subtasks and boxes."""
    from rerun.experimental import LeRobotReader

    export(format_name, run, Path(format_name))
    reader = LeRobotReader(format_name)
    require(reader.episodes() == [0, 1, 2], f"{format_name}: the episodes are {reader.episodes()}")
    for number, expected in enumerate(_EXPECTED):
        chunks = list(reader.stream(number).to_chunks())
        where = f"{format_name}, episode {number}"
        require(frames_in(chunks, _EGO) == list(expected), f"{where}: its frames are not {expected}")
        tasks = values_in(chunks, "/task", "TextDocument:text")
        require(tasks == [_TASKS[number]] * len(expected), f"{where}: its tasks are {set(tasks)}")
        if format_name == "lerobot":
            subtasks = values_in(chunks, _SUBTASK, "TextDocument:text")
            require(subtasks == _SUBTASKS[number], f"{where}: its subtasks are {subtasks}")
            answers = values_in(chunks, _ANSWER, "TextDocument:text")
            with_screw = sum("screw" in answer for answer in answers)
            require((len(answers), with_screw) == _BOXES[number], f"{where}: its boxes are {answers}")


def frames_in(chunks: Iterable[Any], entity: str) -> list[int]:
    """The numbers of the pictures that the packets of a stream show, in order."""
    stream = Path("stream.h264")
    stream.write_bytes(b"".join(bytes(sample) for sample in values_in(chunks, entity, "VideoStream:sample")))
    return numbers_in(stream)


def values_in(chunks: Iterable[Any], entity: str, column: str) -> list[Any]:
    """The values of one component, in the order of the chunks."""
    values: list[Any] = []
    for chunk in chunks:
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

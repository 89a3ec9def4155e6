"""Reads exports with LeRobot itself, in a process whose packages are those of one release of it.

``tests.tools.lerobot_readers`` prepares the packages and the exports, and starts this once for each release. The
last line of standard output is one JSON object of figures; a wrong frame or text is an ``AssertionError``.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.support.coded_run import number_of

CAMERA = "observation.images.ego"
_OPERATORS = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch's
"""torchvision beside a torch without CUDA lacks its operators, whose absence fails its import; none is called."""
for _name in ("nms", "qnms"):
    _OPERATORS.define(_name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]  # torch's

Figures = dict[str, Any]


def opened(root: Path, backend: str, **options: Any) -> Any:  # noqa: ANN401 - LeRobot's class, of several releases
    """A data set on disk."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset("local/export", root=root, video_backend=backend, **options)


def number_in(picture: torch.Tensor) -> int:
    """The number that a picture shows: (3, height, width) in 0..1."""
    return number_of(np.asarray(picture.permute(1, 2, 0).numpy() * 255, np.uint8))


def check_items(root: Path, backend: str, expected: Figures) -> int:
    """Every index gives the very frame, its task and, where there are any, its subtask."""
    data_set = opened(root, backend)
    assert len(data_set) == len(expected["frames"]), f"{len(data_set)} items, not {len(expected['frames'])}"
    for index, frame in enumerate(expected["frames"]):
        item = data_set[index]
        assert number_in(item[CAMERA]) == frame, (
            f"{root} {backend}: item {index} shows {number_in(item[CAMERA])}, not {frame}"
        )
        assert item["task"] == expected["tasks"][index], f"item {index}: task {item['task']!r}"
        if (subtasks := expected.get("subtasks")) is not None:
            assert _subtask(item) == subtasks[index], f"item {index}: subtask {_subtask(item)!r}"
    return len(data_set)


def _subtask(item: Figures) -> str:
    if "subtask" in item:
        return str(item["subtask"])
    from lerobot.datasets.language_render import active_at

    row = active_at(float(item["timestamp"]), persistent=item["language_persistent"], style="subtask")
    return "" if row is None else str(row["content"])


def check_boxes(root: Path, backend: str, expected: Figures) -> int:
    """Questions and answers stand on the frames at which their actions begin, and nowhere else."""
    data_set = opened(root, backend)
    indices = [index for index in range(len(data_set)) if data_set[index]["language_events"]]
    assert indices == expected["boxes"], f"boxes on {indices}, not on {expected['boxes']}"
    return len(indices)


def check_loader(root: Path, backend: str, expected: Figures) -> int:
    """Batches of a DataLoader show the same frames."""
    options: Figures = {}
    if "boxes" in expected:
        from lerobot.utils.collate import lerobot_collate_fn

        options["collate_fn"] = lerobot_collate_fn
    loader = torch.utils.data.DataLoader(opened(root, backend), batch_size=16, **options)
    frames = [number_in(picture) for batch in loader for picture in batch[CAMERA]]
    assert frames == expected["frames"]
    return len(frames)


def check_neighbours(root: Path, backend: str, expected: Figures) -> int:
    """The frames before and after each one; beyond an episode's ends its first and last are repeated and marked."""
    step_s = 1 / expected["fps"]
    data_set = opened(root, backend, delta_timestamps={CAMERA: [-step_s, 0.0, step_s]})
    ends = 0
    for first, last in _episodes(expected):
        for index in (first, first + 1, last - 1, last):
            item = data_set[index]
            numbers = [expected["frames"][min(max(index + step, first), last)] for step in (-1, 0, 1)]
            assert [number_in(picture) for picture in item[CAMERA]] == numbers
            assert item[f"{CAMERA}_is_pad"].tolist() == [index == first, False, index == last]
            ends += 1
    return ends


def check_subset(root: Path, backend: str, expected: Figures) -> int:
    """Some episodes alone."""
    episodes = list(_episodes(expected))
    data_set = opened(root, backend, episodes=[0])
    frames = [number_in(data_set[index][CAMERA]) for index in range(len(data_set))]
    assert frames == expected["frames"][: episodes[0][1] + 1]
    return len(frames)


def check_edits(roots: list[Path], backend: str, expected: Figures, work: Path) -> Figures:
    """LeRobot's own tools: two exports merged, an episode deleted, a data set split.

    Those of 0.4 leave out ``subtasks.parquet``; language columns they keep.
    """
    from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets, split_dataset

    parts = [opened(root, backend) for root in roots]
    merge_datasets(parts, output_repo_id="local/merged", output_dir=work / "merged")
    if "boxes" not in expected:
        expected = {name: value for name, value in expected.items() if name != "subtasks"}
    twice = {name: value * 2 if isinstance(value, list) else value for name, value in expected.items()}
    merged = check_items(work / "merged", backend, twice)
    delete_episodes(parts[0], [0], output_dir=work / "deleted", repo_id="local/deleted")
    first = list(_episodes(expected))[1][0]
    rest = {name: value[first:] if isinstance(value, list) else value for name, value in expected.items()}
    deleted = check_items(work / "deleted", backend, rest)
    count = len(list(_episodes(expected)))
    splits = split_dataset(parts[0], {"a": [0], "b": list(range(1, count))}, output_dir=work / "split")
    split = check_items(Path(splits["b"].root), backend, rest)
    return {"merged": merged, "deleted": deleted, "split": split}


def check_long(root: Path, backend: str, expected: Figures) -> int:
    """Frames spread over a long episode, the last ones among them."""
    data_set = opened(root, backend)
    indices = sorted({*range(0, len(data_set), 487), *range(len(data_set) - 20, len(data_set))})
    for index in indices:
        assert number_in(data_set[index][CAMERA]) == expected["frames"][index], f"item {index} of the long episode"
    return len(indices)


def check_converted(root: Path, backend: str, expected: Figures, work: Path) -> int:
    """A v2.1 export through LeRobot's converter to v3.0, whose ``root`` is the data set's or, in 0.4, one above."""
    copy = work / "converted/local/export"
    shutil.copytree(root, copy)
    try:
        from lerobot.datasets.v30.convert_dataset_v21_to_v30 import convert_dataset
    except ImportError:
        from lerobot.scripts.convert_dataset_v21_to_v30 import convert_dataset

        convert_dataset("local/export", root=copy, push_to_hub=False)
    else:
        convert_dataset("local/export", root=work / "converted", push_to_hub=False)
    return check_items(copy, backend, expected)


def run_page(code: str, place: Path) -> None:
    """What the page of a format shows."""
    with chdir(place):
        exec(compile(code, "page", "exec"), {})  # noqa: S102 - our own page


def _episodes(expected: Figures) -> Iterator[tuple[int, int]]:
    """First and last index of each episode."""
    first = 0
    for length in expected["lengths"]:
        yield first, first + length - 1
        first += length


def backends() -> list[str]:
    """The decoders of this release that work here. Up to 0.5, pyav is read by a class that torchvision dropped."""
    from lerobot.datasets import video_utils

    names = ["pyav"] if hasattr(video_utils, "decode_video_frames_pyav") else []
    try:
        import torchcodec.decoders  # noqa: F401 - whether it loads
    except (ImportError, RuntimeError, OSError):
        return names
    return [*names, "torchcodec"]


def main() -> None:
    """Run the checks on the plan's exports, with each decoder: ``tests.tools.lerobot_readers.plan_of``."""
    import lerobot

    plan = json.loads(Path(sys.argv[1]).read_text())
    work, expected = Path(sys.argv[2]), plan["expected"]
    figures: Figures = {"lerobot": lerobot.__version__}
    for backend in backends():
        own = work / backend
        own.mkdir(parents=True)
        figures[backend] = {name: check(backend, own) for name, check in _checks(plan, expected).items()}
    print(json.dumps(figures))  # noqa: T201 - its result


def _checks(plan: Figures, expected: Figures) -> dict[str, Callable[[str, Path], Any]]:
    roots = {name: Path(path) for name, path in plan["exports"].items()}
    main_root, long = roots["main"], plan["long"]
    checks: dict[str, Callable[[str, Path], Any]] = {
        "items": lambda backend, _: check_items(main_root, backend, expected),
        "loader": lambda backend, _: check_loader(main_root, backend, expected),
        "delta_timestamps": lambda backend, _: check_neighbours(main_root, backend, expected),
        "episodes": lambda backend, _: check_subset(main_root, backend, expected),
        "long": lambda backend, _: check_long(roots["long"], backend, long),
    }
    if "boxes" in expected:
        checks["boxes"] = lambda backend, _: check_boxes(main_root, backend, expected)
    if plan["page"]:
        checks["page"] = lambda *_: run_page(plan["page"], Path(plan["place"]))
    if "again" in roots:
        checks["edits"] = lambda backend, own: check_edits([main_root, roots["again"]], backend, expected, own)
    if "v21" in roots:
        plain = {name: value for name, value in expected.items() if name not in ("subtasks", "boxes")}
        checks["converted"] = lambda backend, own: check_converted(roots["v21"], backend, plain, own)
    return checks


if __name__ == "__main__":
    main()

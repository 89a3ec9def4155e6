"""Several clips at a time with ``--warm-start previous``."""

from pathlib import Path

from tests.support.clips import make_clip
from tests.support.runs import manifest, run_cli

OPTIONS = ("--encoder", "grid", "--no-rectify", "--detector-warmup-s", "4", "--warm-start", "previous", "--jobs", "3")


def test_clips_of_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    """Each begins with the one before it in its own folder; of the second folder too, although there is a free job."""
    names = [f"{worker}{clip}" for worker in ("x", "y") for clip in ("a", "b")]
    for name in names:
        (tmp_path / name[0]).mkdir(exist_ok=True)
        make_clip(tmp_path / name[0] / f"{name}.mp4", frames=100)
    result = run_cli(tmp_path / "x", tmp_path / "y", *OPTIONS, "--out", tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    runs = {name: manifest(tmp_path / "runs" / name) for name in names}
    origins = {name: run["warm_start"] and run["warm_start"]["clip"] for name, run in runs.items()}
    assert origins == {"xa": None, "xb": "xa", "ya": None, "yb": "ya"}
    assert all(runs[f"{worker}b"]["started"] > runs[f"{worker}a"]["ended"] for worker in ("x", "y"))

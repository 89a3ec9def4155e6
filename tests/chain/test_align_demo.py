"""The rendered episode that ``align demo`` aligns."""

from pathlib import Path

import h5py
import numpy as np

from tests.support.inline import run_here


def test_the_demo_aligns_an_episode_with_exact_depth(tmp_path: Path) -> None:
    """Most pixels are real; the rest is accounted for, and the commands that it prints work."""
    result = run_here("align", "demo", "--frames", "4", "--width", "96", "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    with (
        h5py.File(tmp_path / "aligned" / "bench.h5") as aligned,
        h5py.File(tmp_path / "episodes" / "bench.hdf5") as raw,
    ):
        assert aligned["observation_image_left"].shape == raw["observation_image_left"].shape == (4,)
        origin = np.asarray(aligned["observation_image_left_origin"])
        assert np.array_equal(aligned["depth"], raw["depth"])
    assert origin.shape == (4, 54, 96)
    assert 0.7 < np.mean(origin == 0) < 1.0
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("look at it: "))
    words = line.removeprefix("look at it: egoclean-stream ").split()
    assert run_here(*words).returncode == 0
    assert (tmp_path / "compare" / "contact_sheet.png").is_file()

"""Runs of clips whose pictures have unusual sizes, by the inline engine."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.run_directory import assert_valid
from tests.support.runs import manifest, write_intrinsics

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("width_px", "height_px", "rotation_deg"),
    [
        (130, 98, 0),  # no multiple of 4, let alone of a coding block
        (96, 200, 0),
        (150, 102, 90),
    ],
)
@pytest.mark.parametrize("rectified", [True, False])
def test_a_clip_of_any_picture_size_is_run(
    tmp_path: Path, width_px: int, height_px: int, rotation_deg: int, *, rectified: bool
) -> None:
    """The run is whole, with its windows, and records the size of the pictures."""
    size = (height_px, width_px) if rotation_deg else (width_px, height_px)
    centre = {"cx": (size[0] - 1) / 2, "cy": (size[1] - 1) / 2}
    write_intrinsics(tmp_path, image_width=size[0], image_height=size[1], **centre)
    clip = make_clip(
        tmp_path / "clip.mp4", width_px=width_px, height_px=height_px, frames=20, fps=8, rotation_deg=rotation_deg
    )  # fmt: skip
    lens = () if rectified else ("--no-rectify",)
    result = run_inline(clip, "--encoder", "grid", "--window", "16@8", *lens, "--out", tmp_path / "runs")
    assert (result.returncode, result.stderr) == (0, "")
    run_dir = tmp_path / "runs" / "clip"
    assert_valid(run_dir)
    assert np.load(run_dir / "clip_temb.npy").shape == (1, 8, 1024)
    stream = manifest(run_dir)["source"]["stream"]
    assert (stream["width_px"], stream["height_px"]) == (width_px, height_px)

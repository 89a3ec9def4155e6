"""``check-rectify``: the sheet that shows whether a calibration fits."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from stream.commands.check_rectify import check_rectify
from stream.demo.lens import demo_intrinsics
from stream.demo.render import render_demo, render_frames
from stream.errors import IntrinsicsError, SourceError, UsageError
from stream.geometry.frame_remap import encode_picture
from stream.pipeline.items import UInt8
from tests.support.clips import make_clip
from tests.support.runs import write_intrinsics

SIZE = (304, 172)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("check") / "demo.mp4"
    render_demo(path, seconds=3.0, size=SIZE, fps=10)
    return path


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(check_rectify, [str(word) for word in words], catch_exceptions=False)


def sheet(path: Path) -> UInt8:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_a_clip_gives_a_sheet_and_one_line(demo: Path, tmp_path: Path) -> None:
    """The calibration beside the clip is found, folders are made, and the line says what the sheet says."""
    out = tmp_path / "new" / "sheet.png"
    result = invoke(demo, "--out", out)
    assert result.exit_code == 0
    assert result.output.startswith(f"{out}: 104.")
    assert result.output.endswith("100.0 % recorded\n")
    assert sheet(out).shape[1] > 1500


def test_the_sheet_holds_both_pictures(demo: Path, tmp_path: Path) -> None:
    """Left of the middle is the frame as recorded, right of it the rectified one, and they differ."""
    invoke(demo, "--out", tmp_path / "sheet.png")
    picture = sheet(tmp_path / "sheet.png")
    panel_w, panel_h = 900, 509
    left = picture[162 : 162 + panel_h, 32 : 32 + panel_w]
    right = picture[162 : 162 + panel_h, 64 + panel_w : 64 + 2 * panel_w]
    raw = cv2.resize(next(render_frames(seconds=3.0, size=SIZE, fps=10)), (panel_w, panel_h))
    small_left, small_right, small_raw = (
        cv2.resize(part, (60, 34), interpolation=cv2.INTER_AREA).astype(float) for part in (left, right, raw)
    )
    to_left, to_right = (np.corrcoef(part.ravel(), small_raw.ravel())[0, 1] for part in (small_left, small_right))
    assert to_left > 0.9
    assert to_right < to_left - 0.1


def test_what_was_not_recorded_is_hatched(demo: Path, tmp_path: Path) -> None:
    """A wider view has fewer recorded pixels, says so, and shows the hatching that a full one does not have."""
    full, wide = tmp_path / "full.png", tmp_path / "wide.png"
    invoke(demo, "--out", full)
    output = invoke(demo, "--out", wide, "--balance", "1", "--fov-scale", "1.5").output
    share = float(output.split("·")[1].split("%")[0])
    hatch = np.array([84, 66, 92])
    hatched = [float((np.abs(sheet(path)[162:671, 964:1864] - hatch).max(axis=2) < 3).mean()) for path in (full, wide)]
    assert 20.0 < share < 75.0
    assert hatched[0] < 0.001
    assert hatched[1] == pytest.approx((1 - share / 100) / 2, abs=0.06)


def test_a_moment_can_be_chosen(demo: Path, tmp_path: Path) -> None:
    """--at shows the first frame at or after that time, and not the first of all."""
    for name, at_s in (("a", 0.0), ("b", 1.5), ("c", 1.42)):
        assert invoke(demo, "--out", tmp_path / f"{name}.png", "--at", str(at_s)).exit_code == 0
    first, later, same = (sheet(tmp_path / f"{name}.png")[140:660] for name in "abc")
    assert np.abs(first.astype(int) - later).mean() > 1.0
    np.testing.assert_array_equal(later, same)


def test_a_picture_will_do(tmp_path: Path) -> None:
    """A jpg or png with its own calibration needs no video."""
    rgb = next(render_frames(seconds=1.0, size=SIZE, fps=1))
    (tmp_path / "k.json").write_text(demo_intrinsics(*SIZE).model_dump_json())
    for name in ("frame.jpg", "frame.png"):
        (tmp_path / name).write_bytes(encode_picture(rgb, ".jpg" if name.endswith("jpg") else ".png"))
        result = invoke(tmp_path / name, "--intrinsics", tmp_path / "k.json", "--out", tmp_path / "sheet.png")
        assert result.exit_code == 0


def test_impossible_requests_are_errors(demo: Path, tmp_path: Path) -> None:
    """No calibration, a time beyond the end, a broken picture and an impossible output are one sentence each."""
    lonely = make_clip(tmp_path / "lonely.mp4", frames=2)
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    sidecar = demo.with_name("intrinsics.json")
    out = tmp_path / "sheet.png"
    with pytest.raises(IntrinsicsError, match=r"there is no intrinsics\.json beside"):
        invoke(lonely, "--out", out)
    shares = write_intrinsics(tmp_path, image_width=SIZE[0], image_height=SIZE[1], fx=0.3, fy=0.5, cx=0.5, cy=0.5)
    with pytest.raises(IntrinsicsError, match="which look divided by the size of the picture"):
        invoke(demo, "--intrinsics", shares, "--out", out)
    with pytest.raises(SourceError, match="at or after 99 s"):
        invoke(demo, "--at", "99", "--out", out)
    with pytest.raises(SourceError, match="not a picture"):
        invoke(tmp_path / "broken.png", "--intrinsics", sidecar, "--out", out)
    with pytest.raises(UsageError, match="cannot be written"):
        invoke(demo, "--out", sidecar / "sheet.png")
    assert not out.exists()

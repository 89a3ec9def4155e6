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

pytestmark = pytest.mark.slow

SIZE = (304, 172)
TOP_PX = 178
"""Rows above the pictures: margin, title and headings."""


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


def likeness(first: UInt8, second: UInt8) -> float:
    """Correlation of two pictures in a size at which lines over them do not count."""
    small = [cv2.resize(each, (60, 34), interpolation=cv2.INTER_AREA).astype(float).ravel() for each in (first, second)]
    return float(np.corrcoef(small[0], small[1])[0, 1])


def test_a_clip_gives_a_sheet_and_one_line(demo: Path, tmp_path: Path) -> None:
    """The calibration beside the clip is found, folders are made, and the line says what the sheet says."""
    out = tmp_path / "new" / "sheet.png"
    result = invoke(demo, "--out", out)
    assert result.exit_code == 0
    assert result.output.startswith(f"{out}: 104.")
    assert "100.0 % recorded" in result.output
    assert sheet(out).shape[1] > 1500


def test_the_sheet_holds_both_pictures(demo: Path, tmp_path: Path) -> None:
    """Left of the middle is the frame as recorded, right of it the rectified one, and they differ."""
    invoke(demo, "--out", tmp_path / "sheet.png", "--at", "0")
    picture = sheet(tmp_path / "sheet.png")
    panel_w, panel_h = 900, 509
    left = picture[TOP_PX : TOP_PX + panel_h, 32 : 32 + panel_w]
    right = picture[TOP_PX : TOP_PX + panel_h, 64 + panel_w : 64 + 2 * panel_w]
    raw = next(render_frames(seconds=3.0, size=SIZE, fps=10))
    to_left, to_right = likeness(left, raw), likeness(right, raw)
    assert to_left > 0.9
    assert to_right < to_left - 0.1


def test_what_was_not_recorded_is_hatched(demo: Path, tmp_path: Path) -> None:
    """A wider view has fewer recorded pixels, says so, and shows the hatching that a full one does not have."""
    full, wide = tmp_path / "full.png", tmp_path / "wide.png"
    invoke(demo, "--out", full)
    output = invoke(demo, "--out", wide, "--balance", "1", "--fov-scale", "1.5").output
    share = float(output.split("·")[1].split("%")[0])
    hatch = np.array([84, 66, 92])
    hatched = [
        float((np.abs(sheet(path)[TOP_PX : TOP_PX + 509, 964:1864] - hatch).max(axis=2) < 3).mean())
        for path in (full, wide)
    ]
    assert 20.0 < share < 75.0
    assert hatched[0] < 0.001
    assert hatched[1] == pytest.approx((1 - share / 100) / 2, abs=0.06)


def test_a_moment_can_be_chosen(demo: Path, tmp_path: Path) -> None:
    """--at shows the first frame at or after that time, and not the first of all."""
    for name, at_s in (("a", 0.0), ("b", 1.5), ("c", 1.42)):
        assert invoke(demo, "--out", tmp_path / f"{name}.png", "--at", str(at_s)).exit_code == 0
    first, later, same = (sheet(tmp_path / f"{name}.png")[TOP_PX : TOP_PX + 500] for name in "abc")
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
        assert " s\n" not in result.output


def test_several_frames_are_rows_in_order_of_time(demo: Path, tmp_path: Path) -> None:
    """--frames 2 gives a smaller pair of pictures of each half of the clip, and names their times."""
    result = invoke(demo, "--out", tmp_path / "sheet.png", "--frames", "2")
    times_s = [float(text.removesuffix(" s")) for text in result.output.strip().split("  ·  at ")[1].split(", ")]
    assert 0.0 < times_s[0] < 1.5 <= times_s[1] < 3.0
    picture = sheet(tmp_path / "sheet.png")
    panel_h, row_h = 362, 414
    rows = [picture[TOP_PX + 36 + row_h * row :][:panel_h, 32 : 32 + 640] for row in range(2)]
    frames = list(render_frames(seconds=3.0, size=SIZE, fps=10))
    for row, t_s in zip(rows, times_s, strict=True):
        assert likeness(row, frames[round(10 * t_s)]) > 0.9
    assert np.abs(rows[0].astype(int) - rows[1]).mean() > 1.0


def test_themes_have_their_ground_and_the_legend_names_only_what_is_drawn(demo: Path, tmp_path: Path) -> None:
    """Light and dark; the hatching has a line in the legend only on a sheet that has some."""
    sheets = {}
    for theme, balance in (("dark", "0"), ("light", "0"), ("light", "1")):
        out = tmp_path / f"{theme}{balance}.png"
        assert invoke(demo, "--out", out, "--at", "1", "--theme", theme, "--balance", balance).exit_code == 0
        sheets[theme, balance] = sheet(out)
    grounds = [picture[0, 0].tolist() for picture in sheets.values()]
    assert grounds == [[22, 24, 28], [255, 255, 255], [255, 255, 255]]
    heights = [len(picture) for picture in sheets.values()]
    assert heights[0] == heights[1] == heights[2] - 30


def test_no_sheet_is_narrower_than_its_words(tmp_path: Path) -> None:
    """A long name of a narrow picture is shortened, and the legend is whole."""
    (tmp_path / "k.json").write_text(demo_intrinsics(*SIZE).model_dump_json())
    rgb = next(render_frames(seconds=1.0, size=SIZE, fps=1))
    path = tmp_path / f"{'long_' * 40}.png"
    path.write_bytes(encode_picture(rgb, ".png"))
    assert invoke(path, "--intrinsics", tmp_path / "k.json", "--out", tmp_path / "sheet.png").exit_code == 0
    picture = sheet(tmp_path / "sheet.png")
    assert (picture[:, -32:] == picture[0, 0]).all()


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
    with pytest.raises(UsageError, match="--at 1 shows one frame, --frames 3 chooses several"):
        invoke(demo, "--at", "1", "--frames", "3", "--out", out)
    with pytest.raises(SourceError, match="not a picture"):
        invoke(tmp_path / "broken.png", "--intrinsics", sidecar, "--out", out)
    with pytest.raises(UsageError, match="cannot be written"):
        invoke(demo, "--out", sidecar / "sheet.png")
    assert not out.exists()


@pytest.mark.parametrize("words", [("--at", "3"), ("--frames", "2")])
def test_a_picture_has_no_frames_to_choose_from(words: tuple[str, str], tmp_path: Path) -> None:
    write_intrinsics(tmp_path)
    picture = tmp_path / "frame.png"
    cv2.imwrite(str(picture), np.zeros((96, 128, 3), np.uint8))
    with pytest.raises(UsageError, match=rf"{words[0]} {words[1]} chooses from the frames of a clip, and .*frame\.png"):
        invoke(picture, *words, "--out", tmp_path / "sheet.png")


def test_a_time_in_a_clip_without_timestamps_is_refused(tmp_path: Path) -> None:
    """A bare HEVC stream has pictures, but no times."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.hevc", frames=20)
    with pytest.raises(SourceError, match=r"clip\.hevc has no timestamps, .* leave out --at"):
        invoke(clip, "--at", "0.3", "--out", tmp_path / "sheet.png")
    assert invoke(clip, "--out", tmp_path / "sheet.png").exit_code == 0

"""``rectify``: every frame of the rectified video is at its own time and place."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from stream.errors import ExitCode, IntrinsicsError, SourceError, UsageError
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.remap import FusedRemap
from stream.geometry.viewport import keyframe_view, source_map
from stream.pipeline.items import UInt8
from tests.support.changing import joined, part
from tests.support.clips import into_tar, make_clip, remux
from tests.support.pictures import psnr_db
from tests.support.rectified import (
    FINE,
    assert_rectified,
    calibration,
    exact_times_s,
    frames_of,
    halved,
    invoke,
    pictures_of,
    rgb_of,
)
from tests.support.runs import write_intrinsics

_QUICK = ("--preset", "ultrafast")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A short clip, with its calibration beside it."""
    write_intrinsics(tmp_path)
    return make_clip(tmp_path / "clip.mp4", frames=12)


def described(out: Path, stem: str = "clip") -> dict[str, Any]:
    sidecar: dict[str, Any] = json.loads((out / f"{stem}_intrinsics.json").read_text())
    return sidecar


def test_varying_times_are_exact_to_the_tick(tmp_path: Path) -> None:
    """Odd gaps, a start that is not 0, and B-frames change no frame's time."""
    write_intrinsics(tmp_path)
    times_s = [0.0, 0.04, 0.0401, 0.5, 0.51, 0.777, 1.7, 1.7333]
    clip = make_clip(tmp_path / "clip.mp4", times_s=times_s, frames=8, start_s=3.0, b_frames=2)
    assert invoke(clip, "--out", tmp_path, *FINE).exit_code == 0
    assert_rectified(clip, tmp_path / "intrinsics.json", tmp_path / "clip_rectified.mp4", least_db=34.0)
    video = tmp_path / "clip_rectified.mp4"
    assert float(exact_times_s(frames_of(video), video)[-1]) == pytest.approx(1.7333, abs=1e-5)


def test_odd_sides_lose_their_last_line(tmp_path: Path) -> None:
    """4:2:0 has even sides: the last column and row of an odd picture go, and the camera stays what it was."""
    lens = calibration(tmp_path, 127, 95)
    clip = make_clip(tmp_path / "clip.mp4", width_px=127, height_px=95, frames=6, pixel_format="yuv444p")
    assert invoke(clip, "--out", tmp_path / "out", *FINE).exit_code == 0
    report = described(tmp_path / "out")
    assert (report["image_width"], report["image_height"]) == (126, 94)
    assert report["fx"] == fit_camera(read_calibration(lens).intrinsics, 127, 95).new_k[0, 0]
    (first, *_) = frames_of(tmp_path / "out" / "clip_rectified.mp4")
    assert (first.width, first.height) == (126, 94)


def grid_through_the_lens(lens: Path, width: int, height: int) -> tuple[UInt8, np.ndarray[Any, np.dtype[np.float64]]]:
    """A fisheye picture of straight white lines, and the rows at which they lie in the rectified picture."""
    camera = fit_camera(read_calibration(lens).intrinsics, width, height)
    rows = np.linspace(0.2, 0.8, 4) * height
    across, down = np.meshgrid(np.arange(float(width)), np.arange(float(height)))
    points = np.stack([across, down], axis=-1).reshape(-1, 1, 2)
    seen = cv2.fisheye.undistortPoints(points, camera.k, camera.d, None, camera.new_k).reshape(height, width, 2)
    distance = np.abs(seen[..., 1:] - rows).min(axis=-1)
    light = (255 * np.clip(2.5 - distance, 0.0, 1.0)).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(light[..., None], 3, axis=2)), rows


def heights_of_line(gray: UInt8, row: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Where the bright line near ``row`` lies in each column, by its centre of mass."""
    top = int(row) - 12
    part = gray[top : top + 25].astype(np.float64)
    part[part < 100] = 0.0
    lit = part.sum(axis=0) > 0
    return np.asarray((part * np.arange(top, top + 25)[:, None]).sum(axis=0)[lit] / part.sum(axis=0)[lit], np.float64)


def test_straight_lines_become_straight(tmp_path: Path) -> None:
    """Lines that the lens bends by many pixels lie within half a pixel of where a pinhole camera shows them."""
    lens = calibration(tmp_path, 512, 384)
    picture, rows = grid_through_the_lens(lens, 512, 384)
    clip = make_clip(tmp_path / "clip.mp4", pictures=[picture] * 3)
    assert invoke(clip, "--out", tmp_path, *FINE).exit_code == 0
    (first, *_) = frames_of(tmp_path / "clip_rectified.mp4")
    gray = first.to_ndarray(format="gray")
    for row in rows:
        line = heights_of_line(np.asarray(gray, np.uint8), row)
        assert len(line) > 500
        assert np.abs(line - row).max() < 0.5
    assert np.ptp(heights_of_line(picture[..., 0], rows[0])) > 3.0


def test_the_camera_and_the_mask_belong_to_the_video(clip: Path, tmp_path: Path) -> None:
    """Scaled down, camera matrix, mask and video have one size; black is where the mask is black."""
    words = ("--longest-px", "64", "--balance", "1", "--fov-scale", "1.5")
    assert invoke(clip, "--out", tmp_path, *words, *FINE).exit_code == 0
    report, mask = described(tmp_path), cv2.imread(str(tmp_path / "clip_mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert mask.shape == (48, 64) == (report["image_height"], report["image_width"])
    assert set(np.unique(mask)) == {0, 255}
    assert report["valid_fraction"] == pytest.approx(float((mask == 255).mean()))
    whole = fit_camera(read_calibration(tmp_path / "intrinsics.json").intrinsics, 128, 96, 1.0, 1.5).new_k
    assert report["fx"] == pytest.approx(whole[0, 0] / 2)
    assert report["cx"] == pytest.approx((whole[0, 2] + 0.5) / 2 - 0.5)
    assert report["source"]["intrinsics_format"] == "Egocentric JSON"
    dark = rgb_of(frames_of(tmp_path / "clip_rectified.mp4")[0]).max(axis=2) < 30
    inside = cv2.erode(255 - np.asarray(mask, np.uint8), np.ones((5, 5), np.uint8)) == 255
    assert inside.any()
    assert dark[inside].all()


@pytest.mark.parametrize(("codec", "tag"), [("hevc", "hvc1"), ("h264", "avc1"), ("av1", "av01")])
def test_codec_and_colour_tags(codec: str, tag: str, tmp_path: Path) -> None:
    """The codec asked for is written; 10 bits become 8, and the clip's colour tags are the video's."""
    write_intrinsics(tmp_path)
    tags = "colorprim=bt709:transfer=bt709:colormatrix=bt709:range=limited"
    clip = make_clip(tmp_path / "clip.mp4", frames=4, pixel_format="yuv420p10le", x265=tags)
    assert invoke(clip, "--codec", codec, "--out", tmp_path / "out", *_QUICK).exit_code == 0
    with av.open(str(tmp_path / "out" / "clip_rectified.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (container.streams.video[0].codec.canonical_name, context.codec_tag, context.pix_fmt) == (
            codec,
            tag,
            "yuv420p",
        )
        assert (context.colorspace, context.color_range, context.color_primaries, context.color_trc) == (1, 1, 1, 1)


def test_unspecified_colour_tags_stay_unspecified(clip: Path, tmp_path: Path) -> None:
    """No tag is invented: 2 is "unspecified"."""
    assert invoke(clip, "--out", tmp_path / "out", *_QUICK).exit_code == 0
    (first, *_) = frames_of(tmp_path / "out" / "clip_rectified.mp4")
    assert (first.colorspace, first.color_primaries, first.color_trc) == (2, 2, 2)


def test_damage_is_reported_and_exits_4(tmp_path: Path) -> None:
    """Lost packets leave a gap in the video's times, a line with theirs, and code 4."""
    write_intrinsics(tmp_path)
    whole = make_clip(tmp_path / "whole.mp4", frames=40)
    clip = remux(whole, tmp_path / "clip.mp4", without=range(15, 18))
    result = invoke(clip, "--out", tmp_path / "out", *_QUICK)
    assert result.exit_code == ExitCode.PARTIAL
    assert "source damaged  0:00:00.6 to 0:00:00.7, 2 packets lost" in result.output
    video = tmp_path / "out" / "clip_rectified.mp4"
    gaps = [later - earlier for earlier, later in pairwise(exact_times_s(frames_of(video), video))]
    assert max(gaps) > Fraction(1, 10)


def test_existing_results_are_not_overwritten_by_default(clip: Path, tmp_path: Path) -> None:
    """Other options, or another clip of the name, are refused and change nothing; --overwrite makes it again."""
    out = tmp_path / "out"
    assert invoke(clip, "--out", out, *_QUICK).exit_code == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(UsageError, match=r"clip_rectified\.mp4 exists already, for another clip or with other options"):
        invoke(clip, "--out", out, *_QUICK, "--crf", "30")
    make_clip(clip, frames=13)
    with pytest.raises(UsageError, match=r"clip_rectified\.mp4 exists already"):
        invoke(clip, "--out", out, *_QUICK)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert invoke(clip, "--out", out, "--overwrite", *_QUICK).exit_code == 0
    assert sorted(out.iterdir()) == sorted(before)
    assert len(frames_of(out / "clip_rectified.mp4")) == 13


def test_a_series_is_resumed(tmp_path: Path) -> None:
    """The same call again makes what is missing, and touches nothing that is whole."""
    write_intrinsics(tmp_path)
    tar = into_tar(tmp_path / "part000.tar", *(make_clip(tmp_path / f"{name}.mp4", frames=4) for name in ("a", "b")))
    out = tmp_path / "out"
    assert invoke(tar, "--out", out, *_QUICK).exit_code == 0
    (out / "b_mask.png").unlink()
    (out / "b_rectified.mp4").unlink()
    (out / "b_intrinsics.json").unlink()
    before = (out / "a_rectified.mp4").stat()
    again = invoke(tar, "--out", out, *_QUICK)
    assert again.exit_code == 0
    assert again.output.count("nothing to do: ") == 2, "once when it is seen, once in the summary"
    assert (out / "a_rectified.mp4").stat() == before
    assert (out / "b_rectified.mp4").is_file()


def test_a_sidecar_that_disagrees_is_reported(clip: Path, tmp_path: Path) -> None:
    """The clip is believed, and done; what its sidecar says otherwise is said."""
    clip.with_suffix(".json").write_text('{"width": 64}')
    result = invoke(clip, "--out", tmp_path / "out", *_QUICK)
    assert result.exit_code == 0
    assert (
        "sidecar clip.json disagrees with the clip, whose own values are used: width 64 (the clip: 128)"
        in result.output
    )


def test_a_clip_is_never_its_own_output(clip: Path, tmp_path: Path) -> None:
    """Where the output's name leads to the clip itself, --overwrite does not help."""
    link = tmp_path / "clip_rectified.mp4"
    link.symlink_to(clip)
    before = clip.read_bytes()
    with pytest.raises(UsageError, match="would be overwritten by the rectified video"):
        invoke(clip, "--out", tmp_path, "--overwrite")
    assert clip.read_bytes() == before


def test_impossible_requests_leave_no_file(clip: Path, tmp_path: Path) -> None:
    """No calibration, no video, an output that cannot be created: one error each, and not a file."""
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    alone = make_clip(lonely / "alone.mp4", frames=2)
    (tmp_path / "notes.mp4").write_text("no video at all\n" * 500)
    with pytest.raises(IntrinsicsError, match=r"there is no intrinsics\.json beside"):
        invoke(alone, "--out", tmp_path / "out")
    with pytest.raises(SourceError, match="is not a video"):
        invoke(tmp_path / "notes.mp4", "--out", tmp_path / "out")
    with pytest.raises(UsageError, match="cannot be created"):
        invoke(clip, "--out", clip / "out")
    assert not (tmp_path / "out").exists()


def test_a_whole_tar_in_order_and_one_bad_clip_does_not_stop_it(tmp_path: Path) -> None:
    """Every mp4 of a tar is done; the bad one is named in the summary, and its code is the command's."""
    write_intrinsics(tmp_path)
    clips = [make_clip(tmp_path / f"{name}.mp4", frames=4) for name in ("one", "three")]
    bad = tmp_path / "two.mp4"
    bad.write_text("no video at all\n" * 500)
    tar = into_tar(tmp_path / "part000.tar", clips[0], bad, clips[1])
    result = invoke(tar, "--out", tmp_path / "out", *_QUICK)
    assert result.exit_code == ExitCode.INPUT
    names = sorted(path.name for path in (tmp_path / "out").glob("*.mp4"))
    assert names == ["one_rectified.mp4", "three_rectified.mp4"]
    *_, first, second, third, total = result.output.splitlines()
    assert first.startswith(f"  0  {tar}::one.mp4: 4 frames")
    assert second == f"  3  {tar}::two.mp4: the input cannot be read"
    assert third.startswith(f"  0  {tar}::three.mp4: 4 frames")
    assert total == "2 of 3 clips done, 1 failed; 0:00:00.3 of video"


def test_a_clip_that_changes_keeps_the_videos_size_and_colours(tmp_path: Path) -> None:
    """Half the size, and full range: both are converted to what the first frame has; a square stretch is left out."""
    lens = calibration(tmp_path, 160, 96)
    parts = [
        part(tmp_path / "plain.mp4", frames=8),
        part(tmp_path / "half.mp4", width_px=80, height_px=48, frames=8),
        part(tmp_path / "square.mp4", width_px=96, frames=8),
        part(tmp_path / "full.mp4", frames=8, x265="repeat-headers=1:range=full:colormatrix=bt709"),
    ]
    clip = joined(tmp_path / "clip.mp4", parts)
    result = invoke(clip, "--intrinsics", lens, "--out", tmp_path / "out", *FINE)
    assert result.exit_code == ExitCode.PARTIAL
    assert "from 160x96 to 96x96" in result.output
    video = tmp_path / "out" / "clip_rectified.mp4"
    frames = frames_of(video)
    assert {(frame.width, frame.height) for frame in frames} == {(160, 96)}
    assert {(int(frame.colorspace), int(frame.color_range)) for frame in frames} == {(2, 0)}, (
        "limited is H.264's default"
    )
    times_s = [float(t_s) for t_s in exact_times_s(frames, video)]
    assert times_s == pytest.approx([index / 30 for index in (*range(16), *range(24, 32))], abs=1e-4)
    full = pictures_of(clip)[-1].frame
    camera = fit_camera(read_calibration(lens).intrinsics, 160, 96)
    expected = FusedRemap(frame_format_of(full), source_map(keyframe_view(160, 96, 160), 160, 96, camera))(full)
    assert psnr_db(halved(rgb_of(frames[-1])), halved(expected)) >= 30.0


def test_overwriting_is_refused_where_one_clip_would_replace_another(tmp_path: Path) -> None:
    """Two clips of one name on servers, before anything is asked; and a clip that is missing, as for a run."""
    with pytest.raises(UsageError, match="would both be written as 'video'"):
        invoke("http://one.invalid/video", "http://two.invalid/video", "--overwrite", "--out", tmp_path)
    with pytest.raises(SourceError, match="nothing was removed"):
        invoke(tmp_path / "gone.mp4", "--overwrite", "--out", tmp_path)

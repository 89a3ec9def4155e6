"""The video that ``rectify`` writes: how it is coded, and where it is cut."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from stream.errors import UsageError
from stream.geometry.calibrations.table import read_calibration
from tests.support.clips import make_clip
from tests.support.pictures import psnr_db
from tests.support.rectified import FINE, exact_times_s, frames_of, invoke, rgb_of
from tests.support.runs import write_intrinsics

_QUICK = ("--preset", "ultrafast")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A short clip, with its calibration beside it."""
    write_intrinsics(tmp_path)
    return make_clip(tmp_path / "clip.mp4", frames=12)


def described(out: Path) -> dict[str, Any]:
    sidecar: dict[str, Any] = json.loads((out / "clip_intrinsics.json").read_text())
    return sidecar


def test_the_video_is_fit_for_seeking_by_default(tmp_path: Path) -> None:
    """H.264 whose index is in front; each half second begins with a keyframe, at which decoding alone is exact."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=50)
    assert invoke(clip, "--out", tmp_path / "out").exit_code == 0
    video = tmp_path / "out" / "clip_rectified.mp4"
    assert video.read_bytes().index(b"moov") < video.read_bytes().index(b"mdat")
    whole = [rgb_of(frame) for frame in frames_of(video)]
    with av.open(str(video)) as container:
        (stream,) = container.streams.video
        assert (stream.codec_context.name, stream.codec_context.has_b_frames) == ("h264", False)
        shown = [packet for packet in container.demux(stream) if packet.size]
        assert all(packet.pts == packet.dts for packet in shown)
        keyframes = [index for index, packet in enumerate(shown) if packet.is_keyframe]
        assert max(later - earlier for earlier, later in pairwise([*keyframes, 50])) <= 15
        for index in keyframes:
            container.seek(shown[index].pts or 0, stream=stream, backward=True)
            first = next(container.decode(stream))
            assert first.pts == shown[index].pts
            assert (rgb_of(first) == whole[index]).all()


@pytest.mark.parametrize(("codec", "gop_s", "expected"), [("h264", "0", 1), ("hevc", "0.2", 6), ("av1", "0.4", 12)])
def test_the_distance_of_keyframes_is_chosen_in_seconds(codec: str, gop_s: str, expected: int, tmp_path: Path) -> None:
    """At 30 frames a second; every frame is a keyframe at 0 s, and frames are shown in the order of coding."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=30)
    words = ("--codec", codec, "--gop", gop_s, "--preset", "ultrafast")
    assert invoke(clip, "--out", tmp_path / "out", *words).exit_code == 0
    with av.open(str(tmp_path / "out" / "clip_rectified.mp4")) as container:
        shown = [packet for packet in container.demux(video=0) if packet.size]
    keyframes = [index for index, packet in enumerate(shown) if packet.is_keyframe]
    assert max(later - earlier for earlier, later in pairwise([*keyframes, 30])) <= expected
    assert all(packet.pts == packet.dts for packet in shown)
    assert described(tmp_path / "out")["coding"]["gop_s"] == float(gop_s)


def test_a_cut_is_exact_to_the_frame(tmp_path: Path) -> None:
    """From the first frame at or after ``--from`` to the last one before ``--to``, whatever their times, from 0 on."""
    write_intrinsics(tmp_path)
    times_s = [0.0, 0.04, 0.1, 0.2, 0.3, 0.42, 0.5, 0.7, 0.9]
    clip = make_clip(tmp_path / "clip.mp4", times_s=times_s, frames=9, start_s=3.0, b_frames=2)
    words = ("--from", "0.1", "--to", "0.5", *FINE)
    result = invoke(clip, "--out", tmp_path / "part", *words)
    assert (result.exit_code, "4 frames, 0:00:00.4, to" in result.output) == (0, True)
    assert invoke(clip, "--out", tmp_path / "whole", *FINE).exit_code == 0
    video = tmp_path / "part" / "clip_rectified.mp4"
    part_of, whole = frames_of(video), frames_of(tmp_path / "whole" / "clip_rectified.mp4")
    assert [float(t_s) for t_s in exact_times_s(part_of, video)] == pytest.approx([0.0, 0.1, 0.2, 0.32], abs=1e-4)
    for frame, expected in zip(part_of, whole[2:6], strict=True):
        assert psnr_db(rgb_of(frame), rgb_of(expected)) > 38.0
    report = described(tmp_path / "part")
    assert (report["t_from_s"], report["t_to_s"]) == (0.1, 0.5)


def test_a_cut_without_a_frame_is_refused(clip: Path, tmp_path: Path) -> None:
    """Beyond the clip's end, or backwards."""
    with pytest.raises(UsageError, match=r"--from 7: .*clip\.mp4 has no frame there, it ends at 0\.400 s"):
        invoke(clip, "--out", tmp_path / "out", "--from", "7")
    with pytest.raises(UsageError, match="--to 2: must be above --from 2"):
        invoke(clip, "--out", tmp_path / "out", "--from", "2", "--to", "2")
    assert not (tmp_path / "out").exists()


def test_an_approximate_lens_is_in_the_line_and_beside_the_video(clip: Path, tmp_path: Path) -> None:
    """``--lens`` needs no file, and OpenCV's choice of the camera is recorded."""
    result = invoke(clip, "--out", tmp_path / "out", "--lens", "phone", "--new-camera", "opencv", *_QUICK)
    assert "clip_rectified.mp4 (lens: approximate preset phone)" in result.output
    report = described(tmp_path / "out")
    assert (report["source"]["intrinsics_format"], report["new_camera"]) == ("approximate preset phone", "opencv")
    again = read_calibration(tmp_path / "out" / "clip_intrinsics.json").intrinsics
    assert (again.model, again.fx) == ("pinhole", report["fx"])

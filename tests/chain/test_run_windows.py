"""The options of windows and encoder, in a real run."""

from pathlib import Path

import pytest

from stream.config import Options
from stream.records import open_run
from stream.run.no_window import no_window_reason
from stream.run.prepare import prepare
from stream.video.sampling import Sampling
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import write_intrinsics


def test_windows_and_geometry_decide_what_is_recorded() -> None:
    """A run with other windows, frames or another runtime is another run; a batch decides nothing."""
    usual = Options(source="clip.mp4").identity()
    others: list[dict[str, object]] = [
        {"window.preset": "64@4"}, {"encoder.resize_mode": "stretch"},
        {"encoder.runtime": "onnx"}, {"encoder.onnx_provider": "cpu"},
    ]  # fmt: skip
    for changes in others:
        assert Options(source="clip.mp4").replace(changes).identity() != usual
    assert Options(source="clip.mp4").replace({"encoder.batch": 4}).identity() == usual


def test_a_resumed_run_keeps_its_batch_size(tmp_path: Path) -> None:
    """How much of a GPU is free changes from one call to the next; a run that has begun is not refused for it."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=90)
    usual = ("run", clip, "--encoder", "grid", "--out", tmp_path / "runs")
    assert run_inline(*usual, "--encoder-batch", "3").returncode == 0
    assert "nothing to do" in run_inline(*usual).stdout
    options = Options(source=str(clip)).replace({"encoder.name": "grid", "output.folder": tmp_path / "runs"})
    assert prepare(options).options.encoder.batch == 3
    assert prepare(options.replace({"encoder.batch": 2})).options.encoder.batch == 2
    assert prepare(options.replace({"output.overwrite": True})).options.encoder.batch == 1


@pytest.mark.parametrize(
    ("frames", "times_s", "code", "reason"),
    [
        (
            24,
            [5.0 * number for number in range(24)],
            4,
            "the source has 0.21 frames per second, and --window 64@30 needs 1",
        ),
        (30, None, 0, "1.0 s are too short for --window 64@30, which takes 2.1 s"),
    ],
    ids=["time lapse", "short"],
)
def test_a_run_without_a_window_says_why(
    tmp_path: Path, frames: int, times_s: list[float] | None, code: int, reason: str
) -> None:
    """No segment is called typical, the accounting closes, and it ends with 4 if the clip is long enough."""
    clip = make_clip(tmp_path / "clip.mp4", frames=frames, times_s=times_s, fps=30 if times_s is None else 1)
    result = run_inline("run", clip, "--out", tmp_path / "runs", "--encoder", "grid", "--no-rectify")
    assert result.returncode == code, result.stderr
    assert f"no window was made, so all segments are of unknown kind: {reason}" in result.stdout + result.stderr
    run = open_run(tmp_path / "runs" / "clip")
    assert {segment.kind for segment in run.segments()} == {"unknown"}
    finish = run.finish()
    assert finish is not None
    assert (finish.windows, finish.exit_code) == (0, code)
    assert finish.decoded_s == pytest.approx(finish.skipped_s + finish.damaged_s)


def test_holes_everywhere_are_a_reason_too() -> None:
    """Enough frames in all, but nowhere a window's length without a hole."""
    assert "without a hole of 1.0 s" in no_window_reason(Sampling(), frames=900, decoded_s=60.0)

"""The options of windows and encoder, in a real run."""

from pathlib import Path

from stream.config import Options
from stream.run.prepare import prepare
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


def test_a_run_that_goes_on_keeps_its_batch(tmp_path: Path) -> None:
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
